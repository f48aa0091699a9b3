//! Imports go downward: between the folders of core by floor, and between the files of a crate
//! never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Crate, Module, workspace};

/// The floors of core, from the ground up. The folders of one floor do not import each other.
const FLOORS: [&[&str]; 7] = [
    &["primitives"],
    &["ledger", "mining"],
    &["proof"],
    &["protocol"],
    &["peers", "sync"],
    &["node"],
    &["sim"],
];

/// The crates whose files are in no circle.
const CRATES: &[&str] = &["core", "server-node", "server-node/command-line", "web-client", "tests"];

fn read(name: &str) -> Crate {
    Crate::read(&workspace().join(name).join("src"))
}

fn floor_of(module: &[String]) -> Option<usize> {
    FLOORS.iter().position(|folders| module.first().is_some_and(|first| folders.contains(&first.as_str())))
}

/// Returns the imports of core that do not go down, as texts.
fn not_downward(core: &Crate) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, targets) in core.edges() {
        // The root speaks of every folder.
        let Some(folder) = from.first() else { continue };
        for to in targets.iter().filter(|to| to.first() != Some(folder)) {
            let goes_down = floor_of(to) < floor_of(&from) && floor_of(to).is_some();
            if !goes_down {
                wrong.push(format!("{} imports {}", from.join("::"), to.join("::")));
            }
        }
    }
    wrong
}

/// Returns a circle of modules, if there is one. Each imports from the next.
fn circle(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    // A module that imports from no remaining module is in no circle.
    let mut left = edges.clone();
    loop {
        let before = left.len();
        let names: BTreeSet<Module> = left.keys().cloned().collect();
        left.retain(|_, targets| targets.iter().any(|to| names.contains(to)));
        if left.len() == before {
            break;
        }
    }
    let mut walked = vec![left.keys().next()?.clone()];
    loop {
        let next = left[walked.last()?].iter().find(|to| left.contains_key(*to))?.clone();
        if let Some(begin) = walked.iter().position(|seen| *seen == next) {
            return Some(walked.split_off(begin));
        }
        walked.push(next);
    }
}

#[test]
fn every_folder_of_core_has_a_floor() {
    let core = read("core");
    for module in core.modules.keys().filter(|module| module.len() == 1) {
        assert!(floor_of(module).is_some(), "core/src/{} is on no floor", module[0]);
    }
    for folder in FLOORS.into_iter().flatten() {
        assert!(core.modules.contains_key(&vec![(*folder).to_owned()]), "{folder} is missing");
    }
}

#[test]
fn core_imports_only_downward() {
    let core = read("core");
    assert!(core.edges().values().map(BTreeSet::len).sum::<usize>() > 200, "the imports are found");
    assert_eq!(not_downward(&core), Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for name in CRATES {
        let names: Vec<_> =
            circle(&read(name).edges()).iter().flatten().map(|module| module.join("::")).collect();
        assert!(names.is_empty(), "a circle in {name}: {}", names.join(" -> "));
    }
}

#[test]
fn core_names_no_crate_that_is_built_on_it() {
    for (module, paths) in read("core").modules {
        let above = ["plexus_core", "plexus_node", "plexus_web", "plexus_tests"];
        let named = paths.iter().find(|path| above.contains(&path[0].as_str()));
        assert_eq!(named, None, "{}", module.join("::"));
    }
}

#[test]
fn what_goes_up_aside_or_round_is_found() {
    let module = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
    let mut core = Crate::default();
    core.modules.insert(Vec::new(), vec![module("crate::node")]);
    for folder in FLOORS.into_iter().flatten() {
        core.modules.insert(module(folder), Vec::new());
    }
    core.modules.insert(module("ledger::chain"), vec![module("crate::primitives::Hash")]);
    assert_eq!(not_downward(&core), Vec::<String>::new());
    assert_eq!(circle(&core.edges()), None);
    core.modules.insert(module("primitives::hash"), vec![module("crate::ledger::chain::Chain")]);
    core.modules.insert(module("mining::job"), vec![module("crate::ledger::chain")]);
    assert_eq!(
        not_downward(&core),
        ["mining::job imports ledger::chain", "primitives::hash imports ledger::chain"]
    );
    assert_eq!(circle(&core.edges()), None);
    core.modules.get_mut(&module("ledger::chain")).unwrap().push(module("crate::primitives::hash"));
    assert_eq!(circle(&core.edges()), Some(vec![module("ledger::chain"), module("primitives::hash")]));
}
