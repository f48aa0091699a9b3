//! An enclosure: a process with namespaces of its own for network, mounts and processes.
//!
//! Nothing leaves it. When its first process ends, for any reason, the kernel ends all its processes
//! and removes all its devices. This file uses nothing else of this crate, because the build script
//! includes it.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The command that tries all that places at distances need: a namespace of their own, with a TUN
/// device in it.
pub const PLACES: &str = "mount -t tmpfs none /run && mkdir /run/netns && ip netns add try && \
    ip tuntap add try mode tun && ip link set try netns try && ip -n try link set try up";
/// The command that adds a crowd's addresses to the loopback: the networks of the node and its
/// neighbour, of the crowd, and of the newcomers.
pub const ADDRESSES: &str = "ip link set lo up && ip route add local 40.0.0.0/8 dev lo && \
    ip route add local 41.0.0.0/8 dev lo && ip route add local 42.0.0.0/8 dev lo";

/// The command that tries all that a small disk needs: a file system in memory that grows.
pub const SMALL_DISK: &str = "mount -t tmpfs -o size=1m none /run && mount -o remount,size=2m /run";

/// Returns a command that runs a program with mounts of its own, and with the network of all. Its
/// processes end with the first of them.
pub fn with_own_mounts(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    if !is_administrator() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--").arg(program);
    command
}

/// Returns a command that runs a program in an enclosure. An ordinary user becomes the
/// administrator inside, on kernels that allow it.
pub fn enclosed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child"]);
    if !is_administrator() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--").arg(program);
    command
}

fn is_administrator() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Returns the reason that an enclosure is not possible here or that a script fails in it. Returns
/// `None` if it succeeds.
pub fn lack_of(script: &str) -> Option<String> {
    let tried = enclosed("sh").args(["-c", script]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}
