//! The data folder of a node, and the network that it is on.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use plexus_core::primitives::params::{Network, Parameters};

/// The most bytes of a network's file.
const NETWORK_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The folder that holds the keys.
#[derive(Debug, Args)]
pub(super) struct DataFolder {
    /// Folder of keys and ledger [default: plexus/NETWORK in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

impl DataFolder {
    /// Returns the folder that was given, or the default one.
    pub(super) fn folder(&self, network: &str) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(folder) => Ok(folder.clone()),
            None => default_folder(network, |name| std::env::var_os(name).map(PathBuf::from)),
        }
    }
}

/// The data folder of a command that works on one, its network, and the form of the answer.
#[derive(Debug, Args)]
pub(super) struct FolderSource {
    #[command(flatten)]
    pub(super) data: DataFolder,
    /// The network: plexus, dev, or a TOML file with your own parameters
    #[arg(long, value_name = "NAME|FILE", default_value = "plexus", value_parser = parse_network)]
    pub(super) network: Network,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl FolderSource {
    /// Returns the folder that was given, or the default one of the network.
    pub(super) fn folder(&self) -> anyhow::Result<PathBuf> {
        self.data.folder(self.network.name())
    }
}

/// Returns the default folder: one per network, in the platform's folder for user data.
fn default_folder(network: &str, variable: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    let home = || absolute("HOME");
    let base = if cfg!(target_os = "windows") {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        absolute("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
    };
    match base {
        Some(base) => Ok(base.join("plexus").join(network)),
        None => bail!("no folder for data is known: give one with --data DIR"),
    }
}

/// Returns the network of this name, or the one that a TOML file describes.
pub(super) fn parse_network(text: &str) -> Result<Network, String> {
    let is_path = text.contains(['/', '\\', '.']);
    if !is_path {
        return text.parse().map_err(|error| format!("{error}"));
    }
    read_network(Path::new(text)).map_err(|error| format!("{error:#}"))
}

fn read_network(path: &Path) -> anyhow::Result<Network> {
    let mut text = String::new();
    let file =
        fs::File::open(path).with_context(|| format!("cannot read the network's file {}", path.display()))?;
    file.take(NETWORK_FILE_BYTES_MAX).read_to_string(&mut text)?;
    let parameters: Parameters =
        toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}", error.to_string().trim()))?;
    Ok(Network::new(parameters)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_folder() {
        let variable = |name: &str| match name {
            "XDG_DATA_HOME" => Some(PathBuf::from("relative is ignored")),
            _ => Some(PathBuf::from("/home/ada")),
        };
        let folder = default_folder("dev", variable).unwrap();
        assert!(folder.starts_with("/home/ada") && folder.ends_with("plexus/dev"), "{folder:?}");
        assert!(default_folder("dev", |_| None).unwrap_err().to_string().contains("--data"));
    }

    #[test]
    fn a_network_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        let text = "name = \"club\"\ngenesis_time = 1767225600000\nspacing_ms = 1000\nhalf_life_ms = 40000\n\
                    limit_bits = \"0x20010000\"\nblock_bytes_max = 1048576\nblock_messages_max = 4096\n";
        fs::write(&path, text).unwrap();
        assert_eq!(parse_network(path.to_str().unwrap()).unwrap().name(), "club");
        fs::write(&path, text.replace("1000\n", "0\n")).unwrap();
        assert!(parse_network(path.to_str().unwrap()).unwrap_err().contains("spacing_ms"));
        fs::write(&path, text.replace("spacing_ms", "spacing")).unwrap();
        assert!(parse_network(path.to_str().unwrap()).unwrap_err().contains("spacing"));
        assert!(parse_network("./nowhere.toml").unwrap_err().contains("nowhere.toml"));
        assert!(parse_network("mainnet").unwrap_err().contains("mainnet"));
    }
}
