//! Rust source reduced to what the rules look at: code, without comments, text literals and test modules.

/// A file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Path from the root, with `/` between folders.
    pub(crate) path: String,
    /// Its text; `None` for a file that is not UTF-8.
    pub(crate) text: Option<String>,
}

/// Comments and the insides of text and character literals become spaces; lines stay where they were.
pub(crate) fn code_of(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out: Vec<char> = Vec::with_capacity(chars.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => line_end(&chars, i),
            '/' if chars.get(i + 1) == Some(&'*') => block_comment_end(&chars, i),
            '"' => text_end(&chars, i),
            '\'' => character_end(&chars, i),
            'r' if begins_raw_text(&chars, i) => raw_text_end(&chars, i),
            _ => i,
        };
        if end > i {
            out.extend(
                chars[i..end]
                    .iter()
                    .map(|&c| if c == '\n' { c } else { ' ' }),
            );
            i = end;
        } else {
            out.push(chars[i]);
            i += 1;
        }
    }
    out.into_iter().collect()
}

/// Whether the `r` at `i` can begin a raw text literal: no letter of a word before it, but for `br` and `cr`.
fn begins_raw_text(chars: &[char], i: usize) -> bool {
    let word_before = |i: usize| i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    !word_before(i) || (matches!(chars[i - 1], 'b' | 'c') && !word_before(i - 1))
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars[start..]
        .iter()
        .position(|&c| c == '\n')
        .map_or(chars.len(), |k| start + k)
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                i += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

fn text_end(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of a character literal, or `start` for a lifetime.
fn character_end(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), _) => chars[start + 3..]
            .iter()
            .position(|&c| c == '\'')
            .map_or(chars.len(), |k| start + k + 4),
        (Some(_), Some('\'')) => start + 3,
        _ => start,
    }
}

/// The end of `r"..."` or `r#"..."#`, or `start` for anything else that begins with r.
fn raw_text_end(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return start;
    }
    let mut i = open + 1;
    while i < chars.len() {
        if chars[i] == '"'
            && chars
                .get(i + 1..i + 1 + hashes)
                .is_some_and(|tail| tail.iter().all(|&c| c == '#'))
        {
            return i + 1 + hashes;
        }
        i += 1;
    }
    chars.len()
}

/// An identifier or one other character, and its line (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// Cuts code (without comments) into words, `::`, and single characters.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                found.push(Token {
                    text: rest[..length].to_owned(),
                    line: index + 1,
                });
            }
            rest = &rest[length..];
        }
    }
    found
}

/// Tokens of the product alone, and the names of the test modules that lie in files of their own.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        let Some(after) = test_attribute(&tokens[i..]) else {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        };
        let end = item_end(tokens, i + after);
        let item = &tokens[i + after..end];
        if item.last().is_some_and(|t| t.is(";"))
            && let Some(k) = item.iter().position(|t| t.is("mod"))
            && let Some(name) = item.get(k + 1)
        {
            modules.push(name.text.clone());
        }
        i = end;
    }
    (kept, modules)
}

/// The length of `#[cfg(test)]` or `#[cfg(all(test, ..))]` at the start of `tokens`.
fn test_attribute(tokens: &[Token]) -> Option<usize> {
    let begins = |words: &[&str]| {
        tokens.len() >= words.len() && words.iter().zip(tokens).all(|(w, t)| t.is(w))
    };
    if begins(&["#", "[", "cfg", "(", "test", ")", "]"])
        || begins(&["#", "[", "cfg", "(", "all", "(", "test", ","])
    {
        tokens.iter().position(|t| t.is("]")).map(|k| k + 1)
    } else {
        None
    }
}

/// One past the end of the item that begins at `start`: its closing brace, or its semicolon.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_use = false;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "use" if depth == 0 => is_use = true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && !is_use {
                    return i + 1;
                }
            }
            ";" if depth == 0 => return i + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> String {
        let (kept, _) = without_tests(&tokens(&code_of(source)));
        kept.iter()
            .map(|t| t.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = "a /* x /* y */ z */ b // c\n\"d \\\" e\" 'f' '\\'' r#\"g \" h\"# br\"i\" r#type for<'k> \"\\\\\" l";
        assert_eq!(words(source), "a b b r # type for < ' k > l");
    }

    #[test]
    fn lines_are_kept() {
        let found = tokens(&code_of("/* 1\n2 */ a\n\"3\n4\" b"));
        assert_eq!(found.iter().map(|t| t.line).collect::<Vec<_>>(), vec![2, 4]);
    }

    #[test]
    fn test_items_are_left_out() {
        let source = "fn a() {} #[cfg(test)] use x::{b, c}; fn d() {}
            #[cfg(test)] #[path = \"e\"] mod tests { fn f() { { } } } fn g() {}
            #[cfg(all(test, unix))] fn h(i: [u8; 2]) { } fn j() {}";
        assert_eq!(
            words(source),
            "fn a ( ) { } fn d ( ) { } fn g ( ) { } fn j ( ) { }"
        );
        let (_, modules) = without_tests(&tokens("#[cfg(test)] mod slow; mod fast;"));
        assert_eq!(modules, vec!["slow"]);
    }
}
