import { expect } from "vitest";
import { alignAxes } from "../../../src/passes/index/align-axes.ts";
import { buildIndexNotation } from "../../../src/passes/index/build-index-notation.ts";
import { dropUnitAxes } from "../../../src/passes/index/drop-unit-axes.ts";
import { foldEmptyReductions } from "../../../src/passes/index/fold-empty-reductions.ts";
import { collapseAxes } from "../../../src/passes/index/collapse-axes.ts";
import { inlineReads } from "../../../src/passes/index/inline-reads.ts";
import { mergeReductions } from "../../../src/passes/index/merge-reductions.ts";
import { moveValues } from "../../../src/passes/index/move-values.ts";
import { nestReductions } from "../../../src/passes/index/nest-reductions.ts";
import { overlayParts } from "../../../src/passes/index/overlay-parts.ts";
import { pairReductions } from "../../../src/passes/index/pair-reductions.ts";
import { reduceBroadcasts } from "../../../src/passes/index/reduce-broadcasts.ts";
import { rfactor, type Piece } from "../../../src/passes/index/rfactor.ts";
import { shareSums } from "../../../src/passes/index/share-sums.ts";
import { splitColumns } from "../../../src/passes/index/split-columns.ts";
import { splitIndexSets } from "../../../src/passes/index/split-index-sets.ts";
import { splitReductions } from "../../../src/passes/index/split-reductions.ts";
import {
  axisSizes,
  type GroupedProgram,
  type IndexProgram,
  type Statement,
} from "../../../src/ir/index-notation.ts";
import { parseIndexProgram } from "../../../src/ir/parse-index.ts";
import { printGroups, printIndexProgram } from "../../../src/ir/print-index.ts";
import { takenNames } from "../../../src/passes/index/fresh-name.ts";
import { widenValues } from "../../../src/passes/index/widen-values.ts";
import { verifyIndexProgram } from "../../../src/ir/verify-index.ts";
import { testGoldens } from "../../support/golden.ts";
import type { Golden } from "../../support/golden.ts";
import { compileGolden, graphOfGolden, profileNamed } from "../../support/pipeline-golden.ts";

const PASSES: Readonly<Record<string, (program: IndexProgram) => IndexProgram>> = {
  "fold-empty-reductions": foldEmptyReductions,
  "drop-unit-axes": dropUnitAxes,
  "align-axes": alignAxes,
  "inline-reads": (program) => inlineReads(program),
  "inline-reads-on-a-cpu": (program) => inlineReads(program, { software: true }),
  "collapse-axes": collapseAxes,
  "merge-reductions": mergeReductions,
  "move-values": moveValues,
  "nest-reductions": (program) => nestReductions(program, profileNamed("default")),
  "overlay-parts": (program) => overlayParts(program, profileNamed("default")),
  "reduce-broadcasts": reduceBroadcasts,
  "widen-values": widenValues,
  "share-sums": (program) => shareSums(program, { ...profileNamed("default"), onChipBytes: 1024 }),
  "split-index-sets": splitIndexSets,
  "split-columns": (program) =>
    splitColumns(program, { ...profileNamed("default"), usefulWorkgroups: 4 }, { partialShare: 100 }),
  "split-reductions": (program) =>
    splitReductions(program, { ...profileNamed("default"), launchUs: 1e-9 }, { shortestPiece: 8 }),
};

type LeastSize = 0 | 1 | 2;
/** How short axes may be after a pass; 2 where nothing is said. */
const LEAST_SIZES: Readonly<Record<string, LeastSize>> = {
  "fold-empty-reductions": 1,
};
/** How short those may be that a golden gives to its first pass as text. */
const LEAST_GIVEN: Readonly<Record<string, LeastSize>> = { "fold-empty-reductions": 0, "drop-unit-axes": 1 };

function verified(program: IndexProgram, leastSize: LeastSize = 2): IndexProgram {
  expect(verifyIndexProgram(program, { leastSize }), printIndexProgram(program)).toEqual([]);
  expect(printIndexProgram(parseIndexProgram(printIndexProgram(program)))).toBe(printIndexProgram(program));
  return program;
}

/** Index text, or a graph when the first pass builds index notation. */
function runPasses(golden: Golden): IndexProgram {
  const names = (golden.header.get("run") ?? []).flatMap((line) =>
    line.split(",").map((name) => name.trim()),
  );
  const [first = ""] = names;
  const isGraph = first === "build-index-notation";
  const start = isGraph
    ? verified(buildIndexNotation(graphOfGolden(golden)), 0)
    : verified(parseIndexProgram(golden.input, golden.path), LEAST_GIVEN[first]);
  return names.slice(isGraph ? 1 : 0).reduce((program, name) => {
    const pass = PASSES[name];
    if (pass === undefined) throw new Error(`${golden.path}: no pass ${name}`);
    return verified(pass(program), LEAST_SIZES[name]);
  }, start);
}

for (const pass of [
  "build-index-notation",
  "fold-empty-reductions",
  "drop-unit-axes",
  "align-axes",
  "inline-reads",
  "collapse-axes",
  "merge-reductions",
  "move-values",
  "nest-reductions",
  "overlay-parts",
  "reduce-broadcasts",
  "share-sums",
  "split-columns",
  "split-index-sets",
  "split-reductions",
  "widen-values",
])
  testGoldens(`passes/index/${pass}`, (golden) => printIndexProgram(runPasses(golden)));

/** `; cut: k 3`: every reduction along axis k is cut into so many pieces. */
testGoldens("passes/index/rfactor", (golden) => {
  const program = verified(parseIndexProgram(golden.input, golden.path));
  const [axis = "", count = "1"] = (golden.header.get("cut")?.[0] ?? "").split(" ");
  const sizes = axisSizes(program);
  const size = sizes.get(axis) ?? 1;
  const length = Math.ceil(size / Number(count));
  const [outer, inner] = [`${axis}a`, `${axis}b`];
  const piece: Piece = { axis, outer, inner, pieces: Number(count), length, size };
  const statements = new Map(program.statements.map((s) => [s.name, s]));
  const axes = [...program.axes, { name: outer, size: piece.pieces }, { name: inner, size: length }];
  const context = {
    sizes: new Map([...sizes, [outer, piece.pieces], [inner, length]]),
    statements,
    taken: takenNames(program),
  };
  const pairs = pairReductions(program);
  const replaced = new Map<string, readonly Statement[]>();
  for (const statement of program.statements) {
    if (statement.reduce?.axes.includes(axis) !== true || replaced.has(statement.name)) continue;
    const own = pairs.filter((p) => p.first === statement.name);
    for (const [name, made] of rfactor(context, statement, own, piece) ?? []) replaced.set(name, made);
  }
  const made = program.statements.flatMap((s) => replaced.get(s.name) ?? [s]);
  return printIndexProgram(verified({ ...program, axes, statements: made }));
});

testGoldens("passes/index/fuse", async (golden) => printFused((await compileGolden(golden)).grouped));

/** Axes once, then groups with what they decided and why. */
function printFused(grouped: GroupedProgram): string {
  const axes = grouped.program.axes.map(({ name, size }) => ` ${name}=${String(size)}`).join("");
  return `axes${axes}\n${printGroups(grouped)}`;
}

testGoldens("passes/index/materialize", async (golden) =>
  printIndexProgram(
    verified(
      (await compileGolden(golden, { fuse: golden.header.get("fuse")?.[0] !== "no" })).grouped.program,
    ),
  ),
);
