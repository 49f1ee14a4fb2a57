import { expect, test } from "vitest";
import { checkGolden, parseGolden, replaceExpectation } from "./golden.ts";

const FILE = `; run: canonicalize
; run: cse
; A remark: why this case is here.
func @f {
  ; a comment of the input
}

; expect:
func @g {
}
`;

test("a golden has header, input and expectation", () => {
  const golden = parseGolden("test/golden/passes/cse/square.txt", FILE);
  expect(golden.name).toBe("square");
  expect(golden.header.get("run")).toEqual(["canonicalize", "cse"]);
  expect(golden.input).toBe("func @f {\n  ; a comment of the input\n}");
  expect(golden.expected).toBe("func @g {\n}");
});

test("carriage returns do not matter", () => {
  const golden = parseGolden("a.txt", FILE.replaceAll("\n", "\r\n"));
  expect(golden.input).toBe("func @f {\n  ; a comment of the input\n}");
  expect(golden.expected).toBe("func @g {\n}");
});

test("a golden without an expectation says so", () => {
  expect(parseGolden("a.txt", "; run: cse\nfunc\n").expected).toBeUndefined();
});

test("rewriting an expectation keeps all that stands before it", () => {
  expect(replaceExpectation(FILE, "\nnew text\n\n")).toBe(
    `${FILE.slice(0, FILE.indexOf("; expect:"))}; expect:\nnew text\n`,
  );
  expect(replaceExpectation("; run: cse\nfunc\n\n", "new text")).toBe(
    "; run: cse\nfunc\n; expect:\nnew text\n",
  );
  expect(replaceExpectation("; expect:\nold\n", "new")).toBe("; expect:\nnew\n");
});

test.skipIf(process.env["UPDATE_GOLDENS"] === "1")("a mismatch prints the command that rewrites it", () => {
  const golden = parseGolden("test/golden/passes/cse/square.txt", FILE);
  checkGolden(golden, "func @g {\n}\n");
  expect(() => {
    checkGolden(golden, "func @h {\n}");
  }).toThrow(
    /square\.txt does not match(.|\n)*UPDATE_GOLDENS=1 npx vitest run test\/support\/golden\.test\.ts/,
  );
});
