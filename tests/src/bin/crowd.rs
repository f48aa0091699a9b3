//! `crowd INBOUND_MAX`: runs a real node and a crowd of peers in an enclosure, and prints the
//! findings as JSON.
//!
//! It ends when its standard input is closed, and takes all that it started with it.

#[cfg(target_os = "linux")]
fn main() {
    use std::io::Read;
    use std::time::Duration;

    use plexus_tests::{crowd, enclosure};

    /// The most time that it may take.
    const LIFE_MAX: Duration = Duration::from_secs(300);

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let inbound_max = arguments.first().and_then(|text| text.parse().ok()).expect("crowd INBOUND_MAX");
    if std::process::id() != 1 {
        let program = std::env::current_exe().expect("this program has a file");
        let status = enclosure::enclosed(program).args(arguments).status().expect("unshare can be run");
        std::process::exit(status.code().unwrap_or(1));
    }
    std::thread::spawn(|| {
        std::thread::sleep(LIFE_MAX);
        eprintln!("not done within {} s", LIFE_MAX.as_secs());
        std::process::exit(1);
    });
    std::thread::spawn(|| {
        // The input does not matter. Only its end does.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let findings = crowd::run(inbound_max);
    println!("{}", serde_json::to_string_pretty(&findings).expect("numbers are JSON"));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("network namespaces are Linux's");
    std::process::exit(1);
}
