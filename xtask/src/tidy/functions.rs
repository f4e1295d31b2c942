//! Rules on functions of the product: how long they are, how many parameters they take, and whether tuples hide some.

use std::collections::BTreeSet;

use super::Violation;
use super::modules::product;
use super::rules::{Exception, MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_RUN_LINES, TOOLS, VERBS};
use super::source::{File, Token};

/// A function as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    /// From `fn` to the closing brace.
    lines: usize,
    /// Without `self`.
    parameters: usize,
    /// Names in the largest tuple or array pattern among the parameters.
    names_in_a_pattern: usize,
}

/// Folders with more lines of code than they may have.
pub(super) fn folders(files: &[File], limits: &[(&str, usize, &str)]) -> Vec<Violation> {
    let lines_of = |tokens: &[Token]| {
        let lines: BTreeSet<usize> = tokens.iter().map(|token| token.line).collect();
        lines.len()
    };
    let product: Vec<(String, usize)> = product(files)
        .into_iter()
        .map(|(file, tokens)| (file, lines_of(&tokens)))
        .collect();
    limits
        .iter()
        .filter_map(|(folder, max, reason)| {
            let of_folder = product.iter().filter(|(file, _)| file.starts_with(folder));
            let lines: usize = of_folder.map(|(_, lines)| lines).sum();
            (lines > *max).then(|| Violation {
                at: (*folder).to_owned(),
                found: format!("has {lines} lines of code, more than {max}"),
                reason: (*reason).to_owned(),
            })
        })
        .collect()
}

/// Functions that break a rule and are no exception, and exceptions that need none.
pub(super) fn functions(files: &[File], exceptions: &[Exception]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut used = vec![false; exceptions.len()];
    let tools = |file: &str| TOOLS.iter().any(|folder| file.starts_with(folder));
    for (file, tokens) in product(files) {
        if tools(&file) {
            continue;
        }
        for function in all(&tokens) {
            let Some(what) = breach(&file, &function) else {
                continue;
            };
            let excepted = exceptions
                .iter()
                .position(|e| e.file == file && e.item == function.name);
            if let Some(index) = excepted {
                used[index] = true;
                continue;
            }
            found.push(Violation {
                at: format!("{file}:{}", function.line),
                found: format!("{} {what}", function.name),
                reason: "split it, or take a struct, or list it with a reason in the tidy rules"
                    .to_owned(),
            });
        }
    }
    let stale = exceptions.iter().zip(used).filter(|(_, used)| !used);
    found.extend(stale.map(|(exception, _)| Violation {
        at: exception.file.to_owned(),
        found: format!(
            "{} is listed as an exception ({}) and is none",
            exception.item, exception.reason
        ),
        reason: "remove it from the tidy rules".to_owned(),
    }));
    found
}

fn breach(file: &str, function: &Function) -> Option<String> {
    let verb = file.starts_with(VERBS) && function.name == "run";
    if verb && function.lines > MAX_RUN_LINES {
        Some(format!(
            "of a verb has {} lines, more than {MAX_RUN_LINES}: it parses, calls its role and prints",
            function.lines
        ))
    } else if function.lines > MAX_FUNCTION_LINES {
        Some(format!(
            "has {} lines, more than {MAX_FUNCTION_LINES}",
            function.lines
        ))
    } else if function.parameters > MAX_PARAMETERS {
        Some(format!(
            "has {} parameters, more than {MAX_PARAMETERS}",
            function.parameters
        ))
    } else if function.names_in_a_pattern > 1 {
        Some("takes a tuple of several names as one parameter".to_owned())
    } else {
        None
    }
}

/// Every function, those inside of others too.
fn all(tokens: &[Token]) -> Vec<Function> {
    let is_fn = |i: &usize| {
        tokens[*i].text == "fn"
            && tokens
                .get(i + 1)
                .is_some_and(|t| t.text.starts_with(|c: char| c.is_alphabetic() || c == '_'))
    };
    (0..tokens.len())
        .filter(is_fn)
        .filter_map(|i| read(&tokens[i..]))
        .collect()
}

/// The function whose `fn` is the first token.
fn read(tokens: &[Token]) -> Option<Function> {
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let mut i = 2;
    if text(i) == "<" {
        i = close(tokens, i)? + 1;
    }
    let end = close(tokens, i)?;
    let parameters = split(&tokens[i + 1..end]);
    let body = (end..tokens.len()).find(|&i| matches!(text(i), "{" | ";"))?;
    let last = match text(body) {
        "{" => close(tokens, body)?,
        _ => body,
    };
    let line = tokens[0].line;
    let mut without_self = parameters.iter().filter(|p| !is_self(p)).peekable();
    let names_in_a_pattern = parameters.iter().map(|p| names(p)).max().unwrap_or(0);
    let count = if without_self.peek().is_some() {
        without_self.count()
    } else {
        0
    };
    Some(Function {
        name: text(1).to_owned(),
        line,
        lines: tokens[last].line + 1 - line,
        parameters: count,
        names_in_a_pattern,
    })
}

/// Where the bracket at `open` is closed. The `>` of an arrow closes nothing.
fn close(tokens: &[Token], open: usize) -> Option<usize> {
    let angles = tokens.get(open)?.text == "<";
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        let arrow = i > 0 && matches!(tokens[i - 1].text.as_str(), "-" | "=");
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            "<" if angles => depth += 1,
            ">" if angles && !arrow => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// Cuts parameters at the commas between them.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0i32, 0);
    for (i, token) in tokens.iter().enumerate() {
        let arrow = i > 0 && matches!(tokens[i - 1].text.as_str(), "-" | "=");
        match token.text.as_str() {
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            ">" if !arrow => depth -= 1,
            "," if depth == 0 => {
                parts.push(&tokens[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn is_self(parameter: &&&[Token]) -> bool {
    let pattern = parameter.iter().take_while(|t| t.text != ":");
    pattern.into_iter().any(|t| t.text == "self")
}

/// Names that a tuple or array pattern binds; 1 for a plain parameter.
fn names(parameter: &[Token]) -> usize {
    let pattern: Vec<_> = parameter.iter().take_while(|t| t.text != ":").collect();
    if !pattern
        .first()
        .is_some_and(|t| matches!(t.text.as_str(), "(" | "["))
    {
        return 1;
    }
    let name = |t: &&&Token| t.text.starts_with(|c: char| c.is_lowercase());
    let word = |t: &&&Token| !matches!(t.text.as_str(), "mut" | "ref");
    pattern.iter().filter(name).filter(word).count()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let files = [file("cli/src/a.rs", text)];
        let found = functions(&files, &[]);
        found.into_iter().map(|v| v.found).collect()
    }

    #[test]
    fn long_functions_are_found_wherever_they_are() {
        let body = |lines: usize| format!("fn f() {{\n{}}}", "x();\n".repeat(lines));
        assert_eq!(said(&body(78)), Vec::<String>::new());
        assert_eq!(said(&body(79)), ["f has 81 lines, more than 80"]);
        assert_eq!(
            said(&format!("impl A {{ {} }}", body(90))),
            ["f has 92 lines, more than 80"]
        );
        let test = format!("#[cfg(test)] mod tests {{ {} }}", body(90));
        assert_eq!(said(&test), Vec::<String>::new());
    }

    #[test]
    fn the_run_of_a_verb_is_shorter() {
        let body = |name: &str| format!("fn {name}() {{\n{}}}", "x();\n".repeat(60));
        let verb = file(
            "cli/src/verbs/a.rs",
            &[body("run"), body("other")].join("\n"),
        );
        let found = functions(&[verb], &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].found.starts_with("run of a verb has 62 lines"));
        assert_eq!(said(&body("run")), Vec::<String>::new());
    }

    #[test]
    fn lines_of_a_folder_are_counted_without_tests_and_comments() {
        let text = "// no code\n\nfn f() {\n    g(); // one\n}\n#[cfg(test)]\nmod tests {\n    fn h() {}\n}\n";
        let files = [file("cli/src/a.rs", text), file("cli/src/b.rs", text)];
        let found = folders(&files, &[("cli/src/", 6, ""), ("he-core/src/", 0, "")]);
        assert_eq!(found, []);
        let found = folders(&files, &[("cli/src/", 5, "why")]);
        assert_eq!(found[0].found, "has 6 lines of code, more than 5");
    }

    #[test]
    fn parameters_are_counted_without_self() {
        let six = "fn f<A: Fn(u8, u8) -> u8>(&self, a: A, b: &[u8; 2], c: B<u8, u8>, d: (u8, u8), e: impl Fn(u8) -> u8, f: u8);";
        assert_eq!(said(six), Vec::<String>::new());
        let seven = six.replace("f: u8", "f: u8, g: u8,");
        assert_eq!(said(&seven), ["f has 7 parameters, more than 6"]);
    }

    #[test]
    fn patterns_of_several_names_are_found() {
        let text = "takes a tuple of several names as one parameter";
        for parameter in [
            "(a, b): (u8, u8)",
            "[a, b]: [u8; 2]",
            "c: u8, (a, (mut b, _)): T",
        ] {
            let found = said(&format!("fn f({parameter}) -> u8 {{}}"));
            assert_eq!(found, [format!("f {text}")], "{parameter}");
        }
        for parameter in ["(a, _): (u8, u8)", "Point { a, b }: Point", "a: (u8, u8)"] {
            assert_eq!(
                said(&format!("fn f({parameter}) {{}}")),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn an_exception_is_for_what_breaks_a_rule() {
        let files = [file("cli/src/a.rs", "fn f((a, b): (u8, u8)) {} fn g() {}")];
        let exception = |item| Exception {
            file: "cli/src/a.rs",
            item,
            reason: "a reason",
        };
        assert_eq!(functions(&files, &[exception("f")]), vec![]);
        assert_eq!(functions(&files, &[exception("g")]).len(), 2);
    }
}
