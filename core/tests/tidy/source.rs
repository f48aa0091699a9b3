//! Rust text, as far as its imports need it: modules, and the paths that each of them names.
//!
//! It reads code in rustfmt's form. Comments, texts and items for tests only are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's path below its crate. The root's is empty.
pub(crate) type Module = Vec<String>;

/// The modules of a crate, and for each the paths that it imports. Paths are absolute in its crate,
/// or name another one.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<Module, Vec<Module>>,
}

impl Crate {
    /// Reads a crate from the folder of its sources, beginning with the existing roots. Returns it.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut this = Self::default();
        for root in ["lib.rs", "main.rs"] {
            let file = folder.join(root);
            if file.exists() {
                this.read_module(&file, folder, &[]);
            }
        }
        this
    }

    fn read_module(&mut self, file: &Path, children: &Path, module: &[String]) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let code = without_tests(&without_comments(&text));
        let declared = declared(&code);
        let paths = paths(&code).into_iter().filter_map(|path| absolute(&path, module, &declared));
        self.modules.entry(module.to_vec()).or_default().extend(paths);
        for name in declared {
            let (beside, inside) = (children.join(format!("{name}.rs")), children.join(&name).join("mod.rs"));
            let child = if beside.exists() { beside } else { inside };
            let module = [module, std::slice::from_ref(&name)].concat();
            self.read_module(&child, &children.join(&name), &module);
        }
    }

    /// Returns the module that a path leads into: the longest beginning of it that is one.
    pub(crate) fn module_of(&self, path: &[String]) -> Module {
        let known = |end: &usize| self.modules.contains_key(&path[..*end]);
        path[..(0..=path.len()).rev().find(known).unwrap_or(0)].to_vec()
    }

    /// Returns the modules that each module imports. A module and the modules inside it count as
    /// one.
    pub(crate) fn edges(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut edges = BTreeMap::<_, BTreeSet<_>>::new();
        for (from, paths) in &self.modules {
            let to = paths.iter().filter(|path| path[0] == "crate").map(|path| self.module_of(&path[1..]));
            let apart = to.filter(|to| !to.starts_with(from) && !from.starts_with(to));
            edges.entry(from.clone()).or_default().extend(apart);
        }
        edges
    }
}

/// Returns a path as `crate::…`, if it leads into its own crate, or as it is, if it names another.
fn absolute(path: &[String], module: &[String], declared: &[String]) -> Option<Module> {
    let root = ["crate".to_owned()];
    let below = |parent: &[String], rest: &[String]| Some([root.as_slice(), parent, rest].concat());
    match path.first()?.as_str() {
        "crate" => Some(path.to_vec()),
        "self" => below(module, &path[1..]),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            below(&module[..module.len().checked_sub(ups)?], &path[ups..])
        }
        first if declared.iter().any(|child| child == first) => below(module, path),
        _ => Some(path.to_vec()),
    }
}

/// Returns the text with blanks for comments, texts and characters.
fn without_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let raw = rest.strip_prefix(b"r").map(|rest| rest.iter().take_while(|byte| **byte == b'#').count());
        let is_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if rest.starts_with(b"//") {
            at += text[at..].find('\n').unwrap_or(rest.len());
        } else if rest.starts_with(b"/*") {
            at += text[at..].find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(hashes) =
            raw.filter(|hashes| (!is_name || bytes[at - 1] == b'b') && rest.get(1 + hashes) == Some(&b'"'))
        {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = at + 2 + hashes;
            at = begin + text[begin..].find(&end).map_or(text.len() - begin, |found| found + end.len());
        } else if rest[0] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if let Some(length) = character(&text[at..]) {
            at += length;
        } else {
            let next = text[at..].chars().next().unwrap_or_default();
            out.push(next);
            at += next.len_utf8();
        }
    }
    out
}

/// Returns the length of a character literal. Returns `None` if the text does not begin with one,
/// but for example with a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    if first == '\\' {
        return inner[2..].find('\'').map(|end| end + 4);
    }
    inner[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

/// Returns the code without the items that an attribute keeps for tests.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(begin) = rest.find("#[cfg(test)]") {
        out += &rest[..begin];
        rest = &rest[begin + "#[cfg(test)]".len()..];
        let mut depth = 0_usize;
        let ends = |(at, ch): (usize, char)| {
            match ch {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(ch, '}' | ';')).then_some(at + 1)
        };
        let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        // `use a::{b, c};` ends with its semicolon.
        rest = rest[end..].strip_prefix(';').unwrap_or(&rest[end..]);
    }
    out + rest
}

/// Returns the modules that a file declares and that are files of their own.
fn declared(code: &str) -> Vec<String> {
    let names = code.lines().filter_map(|line| {
        let mut words = line.trim().strip_suffix(';')?.split_whitespace().rev();
        let name = words.next()?;
        (words.next() == Some("mod")).then(|| name.to_owned())
    });
    names.collect()
}

/// Returns all paths of a file's code: one for each leaf of its `use`s, and the others in the code.
fn paths(code: &str) -> Vec<Module> {
    let mut found = Vec::new();
    let is_word = |ch: char| ch.is_alphanumeric() || ch == '_';
    let mut rest = code;
    while let Some(begin) = rest.find(is_word) {
        let starts_here = begin == 0 || !rest[..begin].ends_with(['$', '.']);
        rest = &rest[begin..];
        let word = &rest[..rest.find(|ch| !is_word(ch)).unwrap_or(rest.len())];
        if word == "use" && starts_here {
            let (tree, after) = rest[word.len()..].split_once(';').unwrap_or_default();
            leaves(tree, &[], &mut found);
            rest = after;
            continue;
        }
        let path = &rest[..rest.find(|ch: char| !is_word(ch) && ch != ':').unwrap_or(rest.len())];
        if starts_here && path.contains("::") {
            found.push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
        rest = &rest[path.len().max(word.len())..];
    }
    found
}

/// Adds the leaves of a `use` tree to `found`.
fn leaves(tree: &str, parent: &[String], found: &mut Vec<Module>) {
    let (head, inner) = match tree.split_once('{') {
        Some((head, inner)) => (head, Some(inner.trim_end().strip_suffix('}').unwrap_or(inner))),
        None => (tree.split(" as ").next().unwrap_or(tree), None),
    };
    let segments = head.split("::").map(str::trim).filter(|part| !part.is_empty() && *part != "*");
    let mut path = parent.to_vec();
    path.extend(segments.map(str::to_owned));
    let Some(inner) = inner else {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        return found.push(path);
    };
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, ch) in inner.char_indices().chain([(inner.len(), ',')]) {
        match ch {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[begin..at].trim().is_empty() {
                    leaves(inner[begin..at].trim(), &path, found);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// Returns the workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
