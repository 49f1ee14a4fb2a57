import { defineConfig } from "eslint/config";
import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    ignores: [
      "dist/",
      "coverage/",
      "demo-output/",
      ".cache/",
      "test/plugin/app/",
      "**/*.gen.ts",
      "**/*.d.weft.ts",
    ],
  },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      // A default branch counts as exhaustive: it either says `satisfies never` or means "all the others".
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // Numbers and booleans print the same everywhere; objects in templates stay forbidden.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // `noPropertyAccessFromIndexSignature` is off, but process.env["X"] says that X may be missing.
      "@typescript-eslint/dot-notation": "off",
      // tsc checks names, in .mjs files as well, and knows Node's and the browser's globals.
      "no-undef": "off",
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExportDefaultDeclaration",
          message: "Export by name, so that a thing has one name everywhere.",
        },
      ],
      eqeqeq: "error",
      "max-lines": ["warn", { max: 400 }],
    },
  },
  {
    // Nodes of ts-morph come from its own factory, and `undefined` is the value that a reported mistake has.
    files: ["src/frontend/aot/**"],
    rules: {
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
    },
  },
  {
    // Tools that demand a default export.
    files: ["*.config.js", "*.config.ts", "test/support/reporter.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
);
