/** Arrays, objects and templates: known at build time, with tensors inside where need be. */
import {
  Node,
  type ArrayLiteralExpression,
  type ObjectLiteralExpression,
  type TemplateExpression,
} from "ts-morph";
import { type AotValue, describeAot, text } from "./aot-values.ts";
import type { Building, Evaluator } from "./building.ts";
import type { LocalScope } from "./aot-values.ts";

export function evaluateArray(
  node: ArrayLiteralExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): AotValue | undefined {
  const items: AotValue[] = [];
  let isPoisoned = false;
  for (const element of node.getElements()) {
    const isSpread = Node.isSpreadElement(element);
    const value = evaluate(isSpread ? element.getExpression() : element, scope, building);
    if (value === undefined) isPoisoned = true;
    else if (!isSpread) items.push(value);
    else if (value.kind === "array") items.push(...value.items);
    else {
      building.reports.error(
        "wrong-argument",
        `${describeAot(value)} cannot be spread into an array`,
        element,
        "spread an array, such as x.shape",
      );
      isPoisoned = true;
    }
  }
  return isPoisoned ? undefined : { kind: "array", items };
}

export function evaluateObject(
  node: ObjectLiteralExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): AotValue | undefined {
  const entries = new Map<string, AotValue>();
  const state = { isPoisoned: false };
  const set = (name: string, value: AotValue | undefined): void => {
    if (value === undefined) state.isPoisoned = true;
    else entries.set(name, value);
  };
  for (const property of node.getProperties()) {
    if (Node.isPropertyAssignment(property)) {
      const nameNode = property.getNameNode();
      const initializer = property.getInitializer();
      if (initializer === undefined || Node.isComputedPropertyName(nameNode)) {
        set("", building.refuse(property));
        continue;
      }
      const name = Node.isStringLiteral(nameNode) ? nameNode.getLiteralValue() : nameNode.getText();
      set(name, evaluate(initializer, scope, building));
    } else if (Node.isShorthandPropertyAssignment(property)) {
      set(property.getName(), building.lookUp(property.getNameNode(), scope));
    } else if (Node.isSpreadAssignment(property)) {
      const value = evaluate(property.getExpression(), scope, building);
      if (value?.kind === "object") for (const [name, item] of value.entries) entries.set(name, item);
      else if (value?.kind !== "undefined")
        set("", value === undefined ? undefined : building.refuse(property));
    } else set("", building.refuse(property));
  }
  return state.isPoisoned ? undefined : { kind: "object", entries };
}

/** `${name} is ${length}`, of what is known at build time. */
export function evaluateTemplate(
  node: TemplateExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): AotValue | undefined {
  let written: string | undefined = node.getHead().getLiteralText();
  for (const span of node.getTemplateSpans()) {
    const part = span.getExpression();
    const value = evaluate(part, scope, building);
    const shown = value === undefined ? undefined : showText(value);
    if (value !== undefined && shown === undefined)
      building.reports.error(
        "wrong-argument",
        `${describeAot(value)} cannot be written into a text`,
        part,
        "write numbers, booleans, texts and arrays of them, such as x.shape",
      );
    written =
      written === undefined || shown === undefined
        ? undefined
        : written + shown + span.getLiteral().getLiteralText();
  }
  return written === undefined ? undefined : text(written);
}

/** As JavaScript writes it; undefined for what is not known at build time. */
export function showText(value: AotValue): string | undefined {
  switch (value.kind) {
    case "number":
    case "boolean":
    case "string":
      return String(value.value);
    case "array": {
      const parts = value.items.map(showText);
      return parts.includes(undefined) ? undefined : parts.join(",");
    }
    case "undefined":
      return "undefined";
    default:
      return undefined;
  }
}
