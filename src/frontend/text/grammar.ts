/**
 * The grammar, as Chevrotain rules that yield a concrete syntax tree; `build-ast.ts` turns that into the syntax tree.
 * docs/language.md has the same grammar in EBNF.
 *
 * An expression is parsed flat, as operands with operators between them, and precedence is settled afterwards by
 * `operators.ts`: a sum of 100,000 terms then takes a loop, and recursion follows brackets only.
 *
 * Line breaks matter in one place: an opening "(" or "[" belongs to what stands before it only on the same line, so that
 * a block may end in a tuple after a let.
 */
import {
  CstParser,
  type CstNode,
  type IRecognitionException,
  type IToken,
  type ParserMethod,
} from "chevrotain";
import * as t from "./tokens.ts";

type Rule = ParserMethod<[], CstNode>;

class WeftParser extends CstParser {
  readonly module: Rule = this.RULE("module", () => {
    this.MANY(() => this.SUBRULE(this.declaration));
  });

  /** `(x, w) => x * w`, the tagged template. */
  readonly anonymous: Rule = this.RULE("anonymous", () => {
    this.SUBRULE(this.params);
    this.CONSUME(t.FatArrow);
    this.OR([
      { ALT: () => this.SUBRULE(this.block) },
      { ALT: () => this.SUBRULE(this.expression, { LABEL: "result" }) },
    ]);
  });

  readonly declaration: Rule = this.RULE("declaration", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Fn) }, { ALT: () => this.CONSUME(t.Kernel) }]);
    this.CONSUME(t.Name);
    this.SUBRULE(this.params);
    this.OPTION(() => {
      this.CONSUME(t.Arrow);
      this.SUBRULE(this.results);
    });
    this.SUBRULE(this.body);
  });

  readonly params: Rule = this.RULE("params", () => {
    this.CONSUME(t.OpenParen);
    this.OPTION(() => {
      this.SUBRULE(this.param);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.SUBRULE2(this.param);
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.CloseParen);
  });

  readonly param: Rule = this.RULE("param", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equals);
      this.SUBRULE(this.expression, { LABEL: "default" });
    });
  });

  readonly type: Rule = this.RULE("type", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Name);
          this.OPTION(() => this.SUBRULE(this.list, { LABEL: "dims" }));
        },
      },
      { ALT: () => this.SUBRULE2(this.list, { LABEL: "dims" }) },
    ]);
  });

  readonly results: Rule = this.RULE("results", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.OpenParen);
          this.SUBRULE(this.result);
          this.MANY(() => {
            this.CONSUME(t.Comma);
            this.SUBRULE2(this.result);
          });
          this.OPTION(() => this.CONSUME2(t.Comma));
          this.CONSUME(t.CloseParen);
        },
      },
      { ALT: () => this.SUBRULE3(this.result) },
    ]);
  });

  readonly result: Rule = this.RULE("result", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.CONSUME(t.Name);
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.type);
  });

  readonly body: Rule = this.RULE("body", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Equals);
          this.SUBRULE(this.expression, { LABEL: "result" });
        },
      },
      { ALT: () => this.SUBRULE(this.block) },
    ]);
  });

  readonly block: Rule = this.RULE("block", () => {
    this.CONSUME(t.OpenCurly);
    this.MANY(() => this.SUBRULE(this.binding));
    this.SUBRULE(this.expression, { LABEL: "result" });
    this.CONSUME(t.CloseCurly);
  });

  readonly binding: Rule = this.RULE("binding", () => {
    this.CONSUME(t.LetWord);
    this.OR([
      { ALT: () => this.CONSUME(t.Name) },
      {
        ALT: () => {
          this.CONSUME(t.OpenParen);
          this.CONSUME2(t.Name);
          this.MANY(() => {
            this.CONSUME(t.Comma);
            this.CONSUME3(t.Name);
          });
          this.CONSUME(t.CloseParen);
        },
      },
    ]);
    this.CONSUME(t.Equals);
    this.SUBRULE(this.expression, { LABEL: "value" });
    this.OPTION(() => this.CONSUME(t.Semicolon));
  });

  readonly expression: Rule = this.RULE("expression", () => {
    this.SUBRULE(this.operand);
    this.MANY(() => {
      this.CONSUME(t.BinaryOperator);
      this.SUBRULE2(this.operand);
    });
  });

  readonly operand: Rule = this.RULE("operand", () => {
    this.MANY(() => this.CONSUME(t.PrefixOperator));
    this.SUBRULE(this.primary);
    this.MANY2({ GATE: () => this.continuesLine(), DEF: () => this.SUBRULE(this.index) });
  });

  readonly primary: Rule = this.RULE("primary", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Name);
          this.OPTION({
            GATE: () => this.continuesLine(),
            DEF: () => {
              this.SUBRULE(this.args);
              this.OPTION2({ GATE: () => this.continuesLine(), DEF: () => this.SUBRULE2(this.args) });
            },
          });
        },
      },
      { ALT: () => this.CONSUME(t.NumberLiteral) },
      { ALT: () => this.CONSUME(t.True) },
      { ALT: () => this.CONSUME(t.False) },
      { ALT: () => this.CONSUME(t.Ellipsis) },
      { ALT: () => this.SUBRULE(this.group) },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
  });

  /** A parenthesised expression, or with a comma a tuple. */
  readonly group: Rule = this.RULE("group", () => {
    this.CONSUME(t.OpenParen);
    this.SUBRULE(this.expression);
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.expression);
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.CloseParen);
  });

  readonly list: Rule = this.RULE("list", () => {
    this.CONSUME(t.OpenSquare);
    this.OPTION(() => {
      this.SUBRULE(this.expression);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.SUBRULE2(this.expression);
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.CloseSquare);
  });

  readonly args: Rule = this.RULE("args", () => {
    this.CONSUME(t.OpenParen);
    this.OPTION(() => {
      this.SUBRULE(this.argument);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.SUBRULE2(this.argument);
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.CloseParen);
  });

  readonly argument: Rule = this.RULE("argument", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Equals,
      DEF: () => {
        this.CONSUME(t.Name);
        this.CONSUME(t.Equals);
      },
    });
    this.SUBRULE(this.expression);
  });

  readonly index: Rule = this.RULE("index", () => {
    this.CONSUME(t.OpenSquare);
    this.SUBRULE(this.indexItem);
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.indexItem);
    });
    this.CONSUME(t.CloseSquare);
  });

  readonly indexItem: Rule = this.RULE("indexItem", () => {
    this.OR([
      {
        ALT: () => {
          this.SUBRULE(this.expression, { LABEL: "start" });
          this.OPTION(() => this.SUBRULE(this.range));
        },
      },
      { ALT: () => this.SUBRULE2(this.range) },
    ]);
  });

  readonly range: Rule = this.RULE("range", () => {
    this.CONSUME(t.Colon);
    this.OPTION(() => this.SUBRULE(this.expression, { LABEL: "stop" }));
    this.OPTION2(() => {
      this.CONSUME2(t.Colon);
      this.OPTION3(() => this.SUBRULE2(this.expression, { LABEL: "step" }));
    });
  });

  constructor() {
    super([...t.TOKENS], { recoveryEnabled: true, maxLookahead: 2, nodeLocationTracking: "full" });
    this.performSelfAnalysis();
  }

  private continuesLine(): boolean {
    const before = this.LA(0).endLine;
    return before === undefined || this.LA(1).startLine === before;
  }
}

// Setting the analysis of the grammar up takes longer than parsing. A parser keeps nothing from one input to the next,
// because `input =` resets it, and parsing never yields, so that one parser serves all.
const PARSER = new WeftParser();

export interface ParseOutcome {
  readonly tree: CstNode | undefined;
  readonly errors: readonly IRecognitionException[];
}

/** Parses a token vector, recovering from mistakes where that is possible. */
export function parseTokens(tokens: IToken[], start: "module" | "anonymous"): ParseOutcome {
  PARSER.input = tokens;
  const tree = start === "module" ? PARSER.module() : PARSER.anonymous();
  const errors = [...PARSER.errors];
  PARSER.input = [];
  return { tree: tree, errors };
}
