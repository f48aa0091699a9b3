//! `plexus package`: writes the light client as an npm package, from the program itself.
//!
//! The package holds the files that the node serves to browsers. It adds the files that an editor
//! and a registry need: types, a description and a README. Writing it takes no toolchain and no
//! network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use plexus_node::http::web;

use super::table;

/// The modules that a page may import, the modules that these import, the types that their comments
/// name, and the miners' shader, as they are served.
const MODULES: [&str; 12] = [
    "/client.js",
    "/elements.js",
    "/format.js",
    "/gpu.js",
    "/miner.js",
    "/node-api.js",
    "/search.wgsl",
    "/shared-node.js",
    "/views/dom.js",
    "/views/network-graph.js",
    "/types.js",
    "/worker.js",
];
/// The path prefix of the programs and their bindings.
const PROGRAMS: &str = "/pkg/";
/// The word in the paths of the simulator, which is not part of the package.
const LABORATORY: &str = "laboratory";
/// The description of the package. Its version is replaced by the program's.
const DESCRIPTION: &str = include_str!("../../../../web-client/package/package.json");
/// The placeholder for the version in the description.
const VERSION: &str = "0.0.0";
/// The types of `elements.js`, and their additions to a page's types.
const ELEMENTS: &str = concat!(
    include_str!("../../../../web-client/package/elements.d.ts"),
    include_str!("../../../../web-client/package/tags.d.ts")
);
/// The files that browsers do not request.
const TEXTS: [(&str, &str); 7] = [
    ("/client.d.ts", include_str!("../../../../web-client/package/client.d.ts")),
    ("/custom-elements.json", include_str!("../../../../web-client/package/custom-elements.json")),
    ("/elements.d.ts", ELEMENTS),
    ("/LICENSE", include_str!("../../../../LICENSE")),
    ("/LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
    ("/LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
    ("/README.md", include_str!("../../../../web-client/package/README.md")),
];

#[derive(Debug, Args)]
pub(super) struct PackageArgs {
    /// The folder to write to: a new or an empty one
    folder: PathBuf,
}

/// Runs the command.
pub(super) fn run(PackageArgs { folder }: &PackageArgs) -> anyhow::Result<()> {
    let files = contents()?;
    clear(folder)?;
    for (path, bytes) in &files {
        let file = folder.join(&path[1..]);
        let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, bytes));
        written.with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let folder = folder.display();
    table::print(&format!(
        "{folder}: {} files, {bytes} bytes; `npm pack` there makes one of them\n",
        files.len()
    ))
}

/// Returns every file of the package, with its path from `/`.
fn contents() -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let is_program = |path: &str| path.starts_with(PROGRAMS) && !path.contains(LABORATORY);
    let is_ours = |path: &str| MODULES.contains(&path) || is_program(path);
    let mut files: Vec<_> =
        web::files().filter(|(path, _)| is_ours(path)).map(|(path, bytes)| (path, bytes.to_vec())).collect();
    ensure!(
        files.iter().any(|(path, _)| path.starts_with(PROGRAMS)),
        "this program was built without its page, which the package is made of: build it with the feature `page`"
    );
    files.extend(TEXTS.map(|(path, text)| (path, text.as_bytes().to_vec())));
    files.push(("/package.json", DESCRIPTION.replacen(VERSION, env!("CARGO_PKG_VERSION"), 1).into_bytes()));
    Ok(files)
}

/// Creates the folder, unless it exists and is empty.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let name = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("{name} is no folder, and none can be made there"))?;
    let mut entries = fs::read_dir(folder).with_context(|| format!("{name} cannot be read"))?;
    ensure!(entries.next().is_none(), "{name} is not empty: name a new folder, or empty it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the texts of one member of each object in a list.
    fn texts<'a>(list: &'a serde_json::Value, member: &str) -> Vec<&'a str> {
        list.as_array().into_iter().flatten().filter_map(|entry| entry[member].as_str()).collect()
    }

    /// Returns what stands between two marks, for each occurrence.
    fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
        text.split(start).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
    }

    #[test]
    fn the_manifest_describes_the_elements_of_the_package() {
        const SOURCE: &str = include_str!("../../../../www/elements.js");
        const GRAPH: &str = include_str!("../../../../www/views/network-graph.js");
        let manifest: serde_json::Value =
            serde_json::from_str(include_str!("../../../../web-client/package/custom-elements.json"))
                .unwrap();
        let declarations = &manifest["modules"][0]["declarations"];
        let defined: Vec<_> = between(SOURCE, "customElements.define('", ");")
            .into_iter()
            .filter_map(|call| call.split_once("', "))
            .collect();
        let declared: Vec<_> =
            texts(declarations, "tagName").into_iter().zip(texts(declarations, "name")).collect();
        assert!(!defined.is_empty());
        assert_eq!(declared, defined);

        let (mut attributes, mut parts, mut properties) = (Vec::new(), Vec::new(), Vec::new());
        for element in declarations.as_array().unwrap() {
            attributes.extend(texts(&element["attributes"], "name"));
            parts.extend(texts(&element["cssParts"], "name"));
            properties.extend(texts(&element["cssProperties"], "name"));
        }
        let observed = between(SOURCE, "observedAttributes = [", "]").concat();
        let observed: BTreeSet<_> = observed.split('\'').skip(1).step_by(2).collect();
        assert_eq!(BTreeSet::from_iter(attributes), observed);
        let uses = |name: &&str| SOURCE.contains(&format!("var({name},"));
        assert!(!properties.is_empty() && properties.iter().all(uses), "{properties:?}");
        // The parts of a block and of the button that depend on its state are set by the state's name.
        let mut named = BTreeSet::from(["block", "valid", "undone", "refused", "on"]);
        named.extend([SOURCE, GRAPH].into_iter().flat_map(|text| between(text, "part: '", "'")));
        assert_eq!(BTreeSet::from_iter(parts), named);
    }

    #[test]
    fn a_package_has_all_that_its_modules_import() {
        let Ok(files) = contents() else { return };
        let text = |path: &str| {
            let (_, bytes) = files.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("{path}"));
            String::from_utf8(bytes.clone()).unwrap()
        };
        for module in MODULES.into_iter().filter(|path| path.ends_with(".js")) {
            let (folder, _) = module.rsplit_once('/').unwrap();
            for named in text(module).split(['"', '\'']) {
                let path = match (named.strip_prefix("../"), named.strip_prefix("./")) {
                    (Some(above), _) => format!("/{above}"),
                    (None, Some(beside)) => format!("{folder}/{beside}"),
                    (None, None) => continue,
                };
                assert!(files.iter().any(|(name, _)| *name == path), "{module} names {path}");
            }
        }
        let description: serde_json::Value = serde_json::from_str(&text("/package.json")).unwrap();
        assert_eq!(description["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(description["license"], "MIT OR Apache-2.0");
    }
}
