//! Minifies scripts, shaders, styles and pages: removes comments and indentation.
//!
//! Names stay, and lines stay lines, so that a browser's tools still show where code is. It knows
//! only the parts of the languages that this takes. It leaves quoted text alone. A `/` begins a
//! regular expression where no operand stands before it.

/// The marks that need no space beside them in a script. No two of them form another token
/// together.
const PUNCTUATION: &str = "(){}[],;:?=<>&|!";

/// Returns a file's contents as they are served, by the file's extension. Only scripts, shaders,
/// styles and pages are changed.
pub(crate) fn lean(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let rewrite = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => script,
        Some("wgsl") => shader,
        Some("css") => style,
        Some("html") => page,
        Some(_) | None => return bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => rewrite(&text).into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

fn script(text: &str) -> String {
    let mut out = Lean { idle_after: PUNCTUATION, idle_before: PUNCTUATION, ..Lean::default() };
    let mut rest = text;
    code(&mut rest, &mut out, true);
    out.text
}

/// Minifies a shader. It has the comments of a script, but more of its spaces matter.
fn shader(text: &str) -> String {
    let mut out = Lean::default();
    let mut rest = text;
    code(&mut rest, &mut out, true);
    out.text
}

fn style(text: &str) -> String {
    // A space before a colon separates two selectors, and one before a parenthesis two conditions.
    let mut out = Lean { idle_after: "{}:;,", idle_before: "{};,", ..Lean::default() };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' => out.keep(take(&mut rest, |text| quoted(text, first))),
            _ if rest.starts_with("/*") => out.skip(take(&mut rest, |text| through(text, "*/"))),
            _ => out.push(take(&mut rest, |_| first.len_utf8())),
        }
    }
    out.text
}

fn page(text: &str) -> String {
    let mut out = Lean::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("<!--") {
            out.skip(take(&mut rest, |text| through(text, "-->")));
        } else {
            out.push(take(&mut rest, |_| first.len_utf8()));
        }
    }
    out.text
}

/// Copies a script's code: all of it, or the code within a template up to its closing brace.
fn code(rest: &mut &str, out: &mut Lean, is_whole: bool) {
    let mut depth = 0_usize;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' => out.keep(take(rest, |text| quoted(text, first))),
            '`' => template(rest, out),
            '/' if rest.starts_with("//") => {
                out.skip(take(rest, |text| text.find('\n').unwrap_or(text.len())));
            }
            '/' if rest.starts_with("/*") => out.skip(take(rest, |text| through(text, "*/"))),
            '/' if out.awaits_operand() => out.keep(take(rest, expression)),
            '}' if depth == 0 && !is_whole => return,
            _ => {
                depth = match first {
                    '{' => depth + 1,
                    '}' => depth.saturating_sub(1),
                    _ => depth,
                };
                out.push(take(rest, |_| first.len_utf8()));
            }
        }
    }
}

/// Copies a template as it is, except for the code within.
fn template(rest: &mut &str, out: &mut Lean) {
    out.keep(take(rest, |_| 1));
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("${") {
            out.keep(take(rest, |_| 2));
            code(rest, out, false);
            continue;
        }
        let escaped = rest.chars().nth(1).filter(|_| first == '\\').map_or(0, char::len_utf8);
        out.keep(take(rest, |_| first.len_utf8() + escaped));
        if first == '`' {
            return;
        }
    }
}

/// Removes the beginning of the text and returns it. `length` finds its bytes.
fn take<'a>(rest: &mut &'a str, length: impl FnOnce(&str) -> usize) -> &'a str {
    let (taken, left) = rest.split_at(length(rest));
    *rest = left;
    taken
}

/// Returns the bytes up to an end, inclusive, or all bytes if the end is missing.
fn through(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// Returns the bytes of a quoted text, including both quotes.
fn quoted(text: &str, quote: char) -> usize {
    closing(text, |_, next| next == quote)
}

/// Returns the bytes of a regular expression, without its flags.
fn expression(text: &str) -> usize {
    closing(text, |in_class, next| next == '/' && !in_class)
}

/// Returns the bytes up to the first unescaped closing character, inclusive, skipping the very
/// first character. `closes` also receives true if the character is in a class.
fn closing(text: &str, closes: impl Fn(bool, char) -> bool) -> usize {
    let (mut escaped, mut in_class) = (false, false);
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if closes(in_class, next) => return at + next.len_utf8(),
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
    }
    text.len()
}

/// The minified text of the part that was read.
#[derive(Debug, Default)]
struct Lean {
    text: String,
    /// White space that is not written yet: a space or a line end, if any.
    space: Option<char>,
    /// The marks after which a space is redundant.
    idle_after: &'static str,
    /// The marks before which a space is redundant.
    idle_before: &'static str,
}

impl Lean {
    /// Appends text that has to stay as it is.
    fn keep(&mut self, text: &str) {
        if let Some(space) = self.space.take() {
            let is_idle = space == ' '
                && (self.text.ends_with(|mark| self.idle_after.contains(mark))
                    || text.starts_with(|mark| self.idle_before.contains(mark)));
            if !self.text.is_empty() && !is_idle {
                self.text.push(space);
            }
        }
        self.text.push_str(text);
    }

    /// Appends one character, which may be white space.
    fn push(&mut self, text: &str) {
        if text.trim().is_empty() { self.skip(text) } else { self.keep(text) }
    }

    /// Replaces text by white space: by a line end if the text contains one.
    fn skip(&mut self, text: &str) {
        let space = if text.contains('\n') { '\n' } else { ' ' };
        self.space = if self.space == Some('\n') { self.space } else { Some(space) };
    }

    /// Returns true if the next token is an operand rather than an operator.
    fn awaits_operand(&self) -> bool {
        let word = self.text.rsplit(|last: char| !last.is_ascii_alphanumeric()).next().unwrap_or_default();
        let last = self.text.chars().next_back();
        matches!(word, "return" | "typeof" | "case" | "of" | "in")
            || last.is_none_or(|last| "(,=:[!&|?{};+-*%<>~^".contains(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_loses_its_comments_and_nothing_that_is_quoted() {
        let text = "// @ts-check\n/** What it is. */\nconst a = 'it\\'s // no comment'; // one\n\n    \
                    b(/** @type {any} */ (a), \"/* none */\");\n";
        assert_eq!(script(text), "const a='it\\'s // no comment';\nb((a),\"/* none */\");");
    }

    #[test]
    fn a_template_keeps_its_spaces_but_not_its_codes_comments() {
        let text = "x = `  // ${ a /* b */ + `}  ${ {c: '}'}.c }` }\n   \\`  `;  y";
        assert_eq!(script(text), "x=`  // ${a + `}  ${{c:'}'}.c}`}\n   \\`  `;y");
    }

    #[test]
    fn an_expression_is_no_comment_and_a_division_no_expression() {
        for text in [
            "a.replace(/^wss?:\\/\\/|[/'\"`]/g,'')",
            "return /'/.test(a)",
            "b=/\\//",
            "c / d / e;f='/'",
            "(g)/ 2;h=\"//\"",
        ] {
            assert_eq!(script(&format!("{text} // gone")), text);
        }
    }

    #[test]
    fn a_shader_keeps_the_spaces_within_its_lines() {
        let text = "// a\n    let b: array<u32, 2> = c; // d\n    e = f / g;\n";
        assert_eq!(shader(text), "let b: array<u32, 2> = c;\ne = f / g;");
    }

    #[test]
    fn styles_and_pages_lose_their_comments_and_indentation() {
        assert_eq!(style("/* a */\na :b, c {\n  content: '/* d */';\n}\n"), "a :b,c{\ncontent:'/* d */';\n}");
        assert_eq!(
            page("<!doctype html>\n<!-- a\n b -->\n  <p>c\n    d</p>\n"),
            "<!doctype html>\n<p>c\nd</p>"
        );
    }

    #[test]
    fn what_has_no_end_is_kept_and_what_is_no_text_too() {
        let unfinished = [
            ("'a", "'a"),
            ("`a ${b", "`a ${b"),
            ("`a", "`a"),
            ("/*", ""),
            ("a = /b", "a=/b"),
            ("é'é", "é'é"),
        ];
        for (text, kept) in unfinished {
            assert_eq!(script(text), kept);
        }
        assert_eq!(lean("a.js", vec![255, b' ']), [255, b' ']);
        assert_eq!(lean("a.svg", b"<!-- -->".to_vec()), b"<!-- -->");
    }
}
