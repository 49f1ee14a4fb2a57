import { testGoldens } from "../../support/golden.ts";
import { runGolden } from "./run-golden.ts";

for (const pass of ["canonicalize", "simplify", "fold-constants", "cse", "dce", "pipeline"])
  testGoldens(`passes/${pass}`, (golden) => runGolden(golden));
