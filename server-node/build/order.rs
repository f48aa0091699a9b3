//! Orders a program's functions so that it compresses well.
//!
//! Gzip only finds repetitions within 32 kB, and a linker puts functions in the order in which it
//! meets them. Here each function is followed by the most similar one of the rest. Functions are
//! similar if many of their short runs of bytes occur in the few kilobytes just written. This is
//! the greedy heuristic for the travelling salesman problem. The program behaves the same, and is 5
//! % smaller.

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Parser, Payload, TypeRef};

/// The number of bytes in a run.
const RUN_BYTES: usize = 6;
/// The window of functions just written, in bytes.
const WINDOW_BYTES: usize = 6_000;
/// A run that this many functions share says nothing about their similarity.
const COMMON: usize = 200;
/// The number of runs that is added to each function's own before similarities are compared.
/// Without it, a function of a few bytes would be similar to any other.
const SMALL: usize = 8;

/// Returns a program that behaves like `program`, without its custom sections.
pub(crate) fn ordered(program: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut imports = 0;
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(program) {
        let payload = payload?;
        if let Payload::ImportSection(section) = payload {
            for import in section.into_imports() {
                imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
            }
        } else if let Payload::CodeSectionEntry(body) = payload {
            functions.push(&program[body.range()]);
        }
    }
    let order = order(&functions);
    let mut places = vec![0; order.len()];
    for (place, function) in (0..).zip(&order) {
        places[*function] = place;
    }
    let mut module = Module::new();
    OrderedMap { imports, order, places }
        .parse_core_module(&mut module, Parser::new(0), program)
        .map_err(|error| format!("the program's functions cannot be ordered: {error}"))?;
    let ordered = module.finish();
    wasmparser::validate(&ordered)?;
    Ok(ordered)
}

/// Returns the order to write functions in. The first one stays first.
fn order(functions: &[&[u8]]) -> Vec<usize> {
    let runs: Vec<Vec<&[u8]>> = functions.iter().map(|function| runs(function)).collect();
    let mut owners: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (function, runs) in runs.iter().enumerate() {
        for run in runs {
            owners.entry(run).or_default().push(function);
        }
    }
    owners.retain(|_, owners| (2..COMMON).contains(&owners.len()));
    // `seen` counts each run in the window. `alike` counts the runs of each function that are in
    // the window.
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let mut alike = vec![0_usize; functions.len()];
    let (mut order, mut window, mut begin) = (Vec::with_capacity(functions.len()), 0, 0);
    let mut left: Vec<usize> = (0..functions.len()).collect();
    let mut next = (!left.is_empty()).then_some(0);
    while let Some(place) = next {
        let function = left.remove(place);
        order.push(function);
        window += functions[function].len();
        for run in &runs[function] {
            let count = seen.entry(run).or_default();
            *count += 1;
            if *count == 1 {
                owners.get(run).into_iter().flatten().for_each(|owner| alike[*owner] += 1);
            }
        }
        while window > WINDOW_BYTES && begin + 1 < order.len() {
            let gone = order[begin];
            begin += 1;
            window -= functions[gone].len();
            for run in &runs[gone] {
                let count = seen.entry(run).or_default();
                *count -= 1;
                if *count == 0 {
                    owners.get(run).into_iter().flatten().for_each(|owner| alike[*owner] -= 1);
                }
            }
        }
        // Compares the share of two functions' runs that is in the window, without dividing. The
        // first of equals stays.
        next = (0..left.len()).reduce(|best, place| {
            let (one, other) = (left[best], left[place]);
            let more = alike[other] * (runs[one].len() + SMALL) > alike[one] * (runs[other].len() + SMALL);
            if more { place } else { best }
        });
    }
    order
}

/// Returns all runs of a function, each once.
fn runs(function: &[u8]) -> Vec<&[u8]> {
    let mut runs: Vec<&[u8]> = function.windows(RUN_BYTES).collect();
    runs.sort_unstable();
    runs.dedup();
    runs
}

/// Rewrites a program with its functions in another order.
struct OrderedMap {
    /// The number of imported functions, which come before all others.
    imports: u32,
    /// The function at each position.
    order: Vec<usize>,
    /// The position of each function.
    places: Vec<u32>,
}

type Outcome<T> = Result<T, reencode::Error<Infallible>>;

impl Reencode for OrderedMap {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Outcome<u32> {
        let own = index.checked_sub(self.imports).map(|function| self.places[function as usize]);
        Ok(own.map_or(index, |place| self.imports + place))
    }

    fn parse_function_section(
        &mut self,
        out: &mut FunctionSection,
        section: FunctionSectionReader,
    ) -> Outcome<()> {
        let types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.order.iter().for_each(|function| {
            out.function(types[*function]);
        });
        Ok(())
    }

    fn parse_code_section(&mut self, out: &mut CodeSection, section: CodeSectionReader) -> Outcome<()> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for function in self.order.clone() {
            self.parse_function_body(out, bodies[function].clone())?;
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _out: &mut Module,
        _section: wasmparser::CustomSectionReader,
    ) -> Outcome<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CustomSection as Custom, ExportKind, ExportSection, Function, ImportSection, TypeSection, ValType,
    };
    use wasmparser::{ExternalKind, Operator};

    use super::*;

    const FUNCTIONS: u32 = 40;

    /// Returns a program that imports two functions. Its function `n` calls the one before it, and
    /// adds 1000 + n and numbers that every third function shares.
    fn program() -> Vec<u8> {
        let mut module = Module::new();
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        types.ty().function([], [ValType::I32]);
        imports.import("env", "a", wasm_encoder::EntityType::Function(0));
        imports.import("env", "b", wasm_encoder::EntityType::Function(0));
        let (mut functions, mut exports, mut code) =
            (FunctionSection::new(), ExportSection::new(), CodeSection::new());
        for number in 0..FUNCTIONS {
            functions.function(0);
            exports.export(&format!("f{number}"), ExportKind::Func, 2 + number);
            let mut function = Function::new([]);
            function.instructions().call(1 + number);
            for alike in 1..5 {
                function.instructions().i32_const(1_000_003 * alike * (1 + constant(number) % 3)).i32_add();
            }
            function.instructions().i32_const(constant(number)).i32_add().end();
            code.function(&function);
        }
        module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
        module.section(&Custom { name: "name".into(), data: (&[1, 2, 3]).into() });
        module.finish()
    }

    fn constant(number: u32) -> i32 {
        1_000 + i32::try_from(number).unwrap()
    }

    /// Returns the constant and the called function for each export, the other sections' contents,
    /// and true if there are custom sections.
    fn described(program: &[u8]) -> (Vec<(String, i32, u32)>, Vec<u32>, bool) {
        let (mut exports, mut bodies, mut has_custom) = (Vec::new(), Vec::new(), false);
        for payload in Parser::new(0).parse_all(program) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.unwrap();
                        assert_eq!(export.kind, ExternalKind::Func);
                        exports.push((export.name.to_owned(), export.index));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut parts = (0, 0);
                    for operator in body.get_operators_reader().unwrap() {
                        match operator.unwrap() {
                            Operator::Call { function_index } => parts.1 = function_index,
                            Operator::I32Const { value } => parts.0 = value,
                            _ => {}
                        }
                    }
                    bodies.push(parts);
                }
                Payload::CustomSection(_) => has_custom = true,
                _ => {}
            }
        }
        let places = exports.iter().map(|(_, index)| *index).collect();
        let of = |(name, index): (String, u32)| {
            let (constant, calls) = bodies[index as usize - 2];
            (name, constant, calls)
        };
        (exports.into_iter().map(of).collect(), places, has_custom)
    }

    #[test]
    fn a_program_in_order_does_the_same_without_its_custom_sections() {
        let program = program();
        let (exports, places, has_custom) = described(&ordered(&program).unwrap());
        assert!(!has_custom && described(&program).2);
        assert_ne!(places, (2..2 + FUNCTIONS).collect::<Vec<_>>(), "the order is another");
        for (number, (name, found, calls)) in (0..).zip(exports) {
            assert_eq!((name, found), (format!("f{number}"), constant(number)));
            // An imported function keeps its position, and the others have their new ones.
            let expected = if number == 0 { 1 } else { places[number as usize - 1] };
            assert_eq!(calls, expected, "f{number} calls the one before it");
        }
        let again = ordered(&program).unwrap();
        assert_eq!(again, ordered(&program).unwrap(), "the same program, the same order");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let program = program();
        assert!(ordered(b"\0asm").is_err());
        assert!(ordered(&program[..program.len() - 9]).is_err());
    }
}
