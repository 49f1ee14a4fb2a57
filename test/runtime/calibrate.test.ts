import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findProfile } from "../../src/ir/profile.ts";
import { applyCosts, calibrateProfile, isComplete, keepPlausible } from "../../src/runtime/calibrate.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { loadCosts, profileKey, saveCosts } from "../../src/runtime/profile-store.ts";
import { PACKAGE_VERSION } from "../../src/runtime/version.ts";
import { describeGpu } from "../support/gpu.ts";
import { openForTest } from "./support.ts";

const COSTS = { copyGBps: 123, usefulWorkgroups: 7, launchUs: 1.5, barrierUs: 0.25 };

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tensorweft-"));
  onTestFinished(() => { rmSync(folder, { recursive: true }); }); // prettier-ignore
  return folder;
}

const someProfile = () => {
  const profile = findProfile("intel");
  if (profile === undefined) throw new Error("no profile intel");
  return profile;
};

test("the version is that of package.json", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { readonly version: string }).version).toBe(PACKAGE_VERSION);
});

test("figures that no device has are left out, the others are rounded", () => {
  const costs = { copyGBps: 101.2345, usefulWorkgroups: 4096, launchUs: -3, barrierUs: Number.NaN, other: 1 };
  expect(keepPlausible(costs)).toEqual({ copyGBps: 101, usefulWorkgroups: 4096 });
  expect(keepPlausible({ ...COSTS, launchUs: "1" })).not.toHaveProperty("launchUs");
  expect(isComplete(keepPlausible(costs))).toBe(false);
  expect(isComplete(COSTS)).toBe(true);
});

test("a calibrated profile says so, once, and keeps what was not measured", () => {
  const profile = someProfile();
  const calibrated = applyCosts(profile, { launchUs: 1.5 });
  expect(calibrated).toEqual({ ...profile, name: "intel, calibrated", launchUs: 1.5 });
  expect(applyCosts(calibrated, COSTS).name).toBe("intel, calibrated");
  expect(applyCosts(profile, {})).toBe(profile);
});

test("costs come back by their key; files that are corrupt or of another adapter do not count", async () => {
  const folder = join(makeFolder(), "not", "there", "yet");
  const key = profileKey(someProfile(), { vendor: "v", description: "d" });
  expect(await loadCosts(key, folder)).toBeNull();
  await saveCosts(key, COSTS, folder);
  expect(await loadCosts(key, folder)).toEqual(COSTS);
  expect(await loadCosts(profileKey(someProfile(), { vendor: "w" }), folder)).toBeNull();
  const [file, ...others] = readdirSync(folder);
  expect(others).toEqual([]); // no draft is left
  for (const text of ["", "{", "null", "[]", '{"key":1}', JSON.stringify({ key: `${key} `, costs: COSTS })]) {
    writeFileSync(join(folder, file ?? ""), text);
    expect(await loadCosts(key, folder)).toBeNull();
  }
});

test("a folder that cannot be made is no error", async () => {
  const file = join(makeFolder(), "file");
  writeFileSync(file, "");
  await saveCosts("key", COSTS, join(file, "below"));
  expect(await loadCosts("key", join(file, "below"))).toBeNull();
});

test("the CPU device is not measured", async () => {
  const device = await openDevice({ backend: "cpu", calibrate: true });
  expect(await calibrateProfile(device)).toBe(device.profile);
});

describeGpu("calibration", () => {
  test("measures what it says, and leaves nothing behind", async () => {
    const device = await openForTest();
    const profile = await calibrateProfile(device);
    const { copyGBps, launchUs, barrierUs, usefulWorkgroups } = profile;
    expect(profile).toEqual({
      ...device.profile,
      name: `${device.profile.name}, calibrated`,
      ...{ copyGBps, launchUs, barrierUs, usefulWorkgroups },
    });
    // A busy machine may spoil one figure, which then is the built-in one; it does not spoil all.
    expect([copyGBps, launchUs, barrierUs]).not.toEqual([
      device.profile.copyGBps,
      device.profile.launchUs,
      device.profile.barrierUs,
    ]);
    expect(isComplete(keepPlausible({ ...profile }))).toBe(true);
    expect(device.memory()).toMatchObject({ buffers: 0, pooledBytes: 0 });
    expect(await device.tensor([1]).read()).toEqual(Float32Array.of(1)); // no error is left to report
  });

  test("a device that was not asked to calibrate has a built-in profile", async () => {
    const device = await openForTest();
    expect(device.profile).toMatchObject({ launchUs: findProfile(device.profile.name)?.launchUs });
  });

  test("stored costs are taken instead of measuring, unless they are corrupt or to be renewed", async () => {
    const cacheFolder = makeFolder();
    const built = (await openForTest()).profile;
    const info = (await openForTest()).gpuDevice?.adapterInfo;
    const key = profileKey(built, info ?? {});
    const open = (renew = false) => openForTest({ calibrate: { cacheFolder, renew } });
    // Figures that no measurement gives show where the profile came from.
    await saveCosts(key, COSTS, cacheFolder);
    const [file = "", ...others] = readdirSync(cacheFolder);
    expect((await open()).profile).toEqual({ ...built, ...COSTS, name: `${built.name}, calibrated` });
    expect((await open(true)).profile).not.toMatchObject(COSTS);
    writeFileSync(join(cacheFolder, file), "corrupt");
    expect((await open()).profile).not.toMatchObject(COSTS);
    writeFileSync(join(cacheFolder, file), JSON.stringify({ key, value: { ...COSTS, launchUs: -1 } }));
    expect((await open()).profile).not.toMatchObject({ copyGBps: COSTS.copyGBps });
    expect(others).toEqual([]);
    expect(readdirSync(cacheFolder)).toEqual([file]);
  });
});
