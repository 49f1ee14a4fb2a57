/** Bodies of functions: const, if on what is known at build time, throw, return. */
import { Node, type BindingName, type Expression, type Statement, VariableDeclarationKind } from "ts-morph";
import { type AotValue, describeAot, type FunctionNode, nameOf, UNDEFINED } from "./aot-values.ts";
import { readProperty } from "./access.ts";
import { type Building, type Evaluator, type Given, nameFunction } from "./building.ts";
import { isTrue, refuseCondition } from "./operators-aot.ts";
import { type LocalScope, openScope } from "./aot-values.ts";

/** What running a statement came to. */
type Outcome =
  /** `isBroken`: a statement was refused; those below it may have mistakes of their own, but nothing comes of them. */
  | { readonly kind: "goes-on"; readonly isBroken: boolean }
  | { readonly kind: "returned"; readonly value: AotValue | undefined };

const GOES_ON: Outcome = { kind: "goes-on", isBroken: false };
const BROKEN: Outcome = { kind: "goes-on", isBroken: true };
const POISONED: Outcome = { kind: "returned", value: undefined };

type Closure = AotValue & { readonly kind: "closure" };

/** Inlines a function of the source. */
export function callClosure(
  closure: Closure,
  given: readonly Given[],
  call: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const { node, scope } = closure;
  const parameters = node.getParameters();
  const extra = given[parameters.length];
  if (extra !== undefined)
    return building.reports.error(
      "wrong-arity",
      `${nameOf(closure)} takes ${parameters.length === 1 ? "1 argument" : `${parameters.length} arguments`}`,
      extra.node,
      "leave it out",
    );
  const inner = openScope(scope.file, scope);
  for (const [i, parameter] of parameters.entries()) {
    if (parameter.isRestParameter()) return building.refuse(parameter);
    const initializer = parameter.getInitializer();
    const argument = given[i]?.value ?? UNDEFINED;
    const value =
      argument.kind === "undefined" && initializer !== undefined
        ? evaluator.evaluate(initializer, inner, building)
        : argument;
    bindName(parameter.getNameNode(), value, call, inner, building, evaluator);
  }
  return evaluateFunctionBody(node, inner, building, evaluator);
}

/** The value of a function whose parameters are bound in `scope`. */
export function evaluateFunctionBody(
  node: FunctionNode,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  if (node.isAsync() || (!Node.isArrowFunction(node) && node.isGenerator()))
    return building.reports.error(
      "syntax",
      node.isAsync()
        ? "an async function has no meaning in a kernel"
        : "a generator has no meaning in a kernel",
      node,
      "write a plain function: nothing waits in a kernel",
    );
  const body = node.getBody();
  if (body === undefined) return building.refuse(node);
  if (Node.isExpression(body)) return evaluator.evaluate(body, scope, building);
  if (!Node.isBlock(body)) return building.refuse(body);
  const outcome = runStatements(body.getStatements(), scope, building, evaluator);
  if (outcome.kind === "returned") return outcome.value;
  return outcome.isBroken ? undefined : UNDEFINED;
}

function runStatements(
  statements: readonly Statement[],
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): Outcome {
  // Functions may be called above their place.
  for (const statement of statements)
    if (Node.isFunctionDeclaration(statement)) {
      const name = statement.getName() ?? "";
      scope.names.set(name, { kind: "closure", name, node: statement, scope });
    }
  let isBroken = false;
  for (const statement of statements) {
    const outcome = runStatement(statement, scope, building, evaluator);
    if (outcome.kind === "returned") return isBroken ? POISONED : outcome;
    isBroken ||= outcome.isBroken;
  }
  return isBroken ? BROKEN : GOES_ON;
}

function runStatement(
  statement: Statement,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): Outcome {
  const { evaluate } = evaluator;
  if (Node.isFunctionDeclaration(statement) || Node.isEmptyStatement(statement)) return GOES_ON;
  if (Node.isReturnStatement(statement)) {
    const value = statement.getExpression();
    return { kind: "returned", value: value === undefined ? UNDEFINED : evaluate(value, scope, building) };
  }
  if (Node.isBlock(statement))
    return runStatements(statement.getStatements(), openScope(scope.file, scope), building, evaluator);
  if (Node.isVariableStatement(statement)) {
    for (const declaration of statement.getDeclarations()) {
      const initializer = declaration.getInitializer();
      if (statement.getDeclarationKind() !== VariableDeclarationKind.Const || initializer === undefined)
        building.reports.error(
          "syntax",
          "only const declares a value in a kernel",
          declaration,
          "values do not change: write const, and another name for each new value",
        );
      const value = initializer === undefined ? undefined : evaluate(initializer, scope, building);
      const named = nameFunction(declaration.getName(), value);
      bindName(declaration.getNameNode(), named, initializer ?? declaration, scope, building, evaluator);
    }
    return GOES_ON;
  }
  if (Node.isIfStatement(statement)) {
    const condition = evaluate(statement.getExpression(), scope, building);
    if (condition === undefined) return POISONED;
    const chosen = isTrue(condition);
    if (chosen === undefined) {
      refuseCondition(condition, statement.getExpression(), building);
      return POISONED;
    }
    const branch = chosen ? statement.getThenStatement() : statement.getElseStatement();
    return branch === undefined
      ? GOES_ON
      : runStatement(branch, openScope(scope.file, scope), building, evaluator);
  }
  if (Node.isThrowStatement(statement))
    return throwAtBuildTime(statement.getExpression(), scope, building, evaluator);
  building.refuse(statement);
  return BROKEN;
}

/** `throw new Error("...")` in a branch that shapes have chosen: the author's own check of them. */
function throwAtBuildTime(
  thrown: Expression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): Outcome {
  const argument = Node.isNewExpression(thrown) ? thrown.getArguments()[0] : thrown;
  const value =
    argument !== undefined && Node.isExpression(argument) ? evaluate(argument, scope, building) : undefined;
  const message = value?.kind === "string" ? value.value : "an error was thrown at build time";
  building.reports.error("invalid-value", message, thrown, "the source refuses these shapes: change them");
  return POISONED;
}

/** Binds a name or a pattern. */
function bindName(
  pattern: BindingName,
  value: AotValue | undefined,
  at: Node,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): void {
  if (Node.isIdentifier(pattern)) {
    scope.names.set(pattern.getText(), value);
    return;
  }
  const isArray = Node.isArrayBindingPattern(pattern);
  for (const [index, element] of pattern.getElements().entries()) {
    if (!Node.isBindingElement(element)) continue; // a hole
    if (element.getDotDotDotToken() !== undefined) {
      building.refuse(element);
      continue;
    }
    const keyNode = element.getPropertyNameNode();
    if (keyNode !== undefined && !Node.isIdentifier(keyNode)) {
      building.refuse(keyNode); // the text of a quoted name is no key
      continue;
    }
    const key = keyNode?.getText() ?? element.getName();
    const part =
      value === undefined ? undefined : readPart(value, isArray ? index : key, pattern, at, building);
    const initializer = element.getInitializer();
    const filled =
      part?.kind === "undefined" && initializer !== undefined
        ? evaluator.evaluate(initializer, scope, building)
        : part;
    bindName(element.getNameNode(), filled, at, scope, building, evaluator);
  }
}

function readPart(
  value: AotValue,
  key: string | number,
  pattern: Node,
  at: Node,
  building: Building,
): AotValue | undefined {
  if (typeof key === "string")
    return value.kind === "undefined" ? UNDEFINED : readProperty(value, key, pattern, building);
  if (value.kind === "array") return value.items[key] ?? UNDEFINED;
  const help = "only arrays are taken apart by position";
  return building.reports.error("wrong-argument", `${describeAot(value)} is no array`, at, help);
}
