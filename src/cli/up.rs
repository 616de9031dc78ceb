//! `nsq up`: the quick start, nsqd, nsqlookupd and nsqadmin in one process, on their usual ports, for this machine alone.

use std::{fs, path::Path};

use super::{
    console::Console,
    exit_code::ExitCode,
    nsqd::{self, beside::Beside},
    service::{self, Daemon, DaemonError, Listening},
};
use crate::config::{
    ListenAddress, NsqadminOptions, NsqdOptions, NsqlookupdOptions,
    declaration::{OptionSpec, Options},
    flags,
    options::{NSQADMIN_OPTIONS, NSQD_OPTIONS, NSQLOOKUPD_OPTIONS},
    typed::TypedOptions,
};

const DATA_PATH: &str = "nsq-data";

/// What differs from a plain nsqd unless the command line says otherwise: nobody else can reach it, and it needs no preparation.
const DEFAULTS: [&str; 6] = [
    "--log-prefix=[nsq] ",
    "--tcp-address=127.0.0.1:4150",
    "--http-address=127.0.0.1:4151",
    "--https-address=127.0.0.1:4152",
    "--broadcast-address=127.0.0.1",
    "--data-path=nsq-data",
];

/// The same for nsqlookupd, of which nothing can be changed.
const NSQLOOKUPD: [&str; 3] = [
    "--tcp-address=127.0.0.1:4160",
    "--http-address=127.0.0.1:4161",
    "--broadcast-address=127.0.0.1",
];

/// And for nsqadmin.
const NSQADMIN: [&str; 1] = ["--http-address=127.0.0.1:4171"];

/// What `nsq up` runs.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// The broker.
    pub nsqd: NsqdOptions,
    /// The directory to which it reports, unless it is told of others, and the pages.
    pub beside: Beside,
}

/// Runs them until they are told to stop; `on_ready` hears when clients of nsqd can connect.
pub fn run_daemons(
    options: UpOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    nsqd::daemon::run_beside(options.beside, options.nsqd, on_ready)
}

/// Runs `nsq up` with the nsqd flags behind it.
pub fn run(arguments: &[String], daemon: Daemon<UpOptions>, console: &mut Console<'_>) -> ExitCode {
    let configured = match nsqd::configure("nsq up", arguments, &defaults(), console) {
        Ok(configured) => configured,
        Err(ended) => return ended,
    };
    let options = &configured.options;
    if options.data_path == Path::new(DATA_PATH)
        && let Err(error) = fs::create_dir_all(DATA_PATH)
    {
        let text = format!("failed to create data-path {DATA_PATH} - {error}");
        return service::fail(nsqd::PROGRAM, &DaemonError::NotStarted(text), console);
    }
    console.say(&format!("nsqd keeps its data in {}", shown(options.data_dir())));
    let is_told = !options.nsqlookupd_tcp_addresses.is_empty();
    let has_pages = !is_told || matches!(options.http_address, Some(ListenAddress::Tcp { .. }));
    let beside =
        Beside { nsqlookupd: (!is_told).then(nsqlookupd), nsqadmin: has_pages.then(nsqadmin) };
    let shown = beside.clone();
    let announce = |listening: &Listening, console: &mut Console<'_>| {
        if let Some(options) = &shown.nsqlookupd {
            announce_nsqlookupd(options, console);
        }
        announce_nsqd(listening, console);
        if let Some(options) = &shown.nsqadmin {
            let address = &options.http_address;
            console.say(&format!("nsqadmin has its pages on http://{address}/"));
        }
    };
    let with_others = |nsqd| UpOptions { nsqd, beside };
    nsqd::start(configured, with_others, daemon, announce, console)
}

fn defaults() -> TypedOptions {
    typed(NSQD_OPTIONS, &DEFAULTS)
}

fn nsqlookupd() -> NsqlookupdOptions {
    NsqlookupdOptions::decide(&[&typed(NSQLOOKUPD_OPTIONS, &NSQLOOKUPD)])
        .expect("the values pass their checks, every test decides them")
}

fn nsqadmin() -> NsqadminOptions {
    NsqadminOptions::decide(&[&typed(NSQADMIN_OPTIONS, &NSQADMIN)])
        .expect("the values pass their checks, every test decides them")
}

fn typed(declared: &'static [OptionSpec], flags: &[&str]) -> TypedOptions {
    flags::parse(declared, flags.iter().map(|&flag| flag.to_owned()))
        .expect("the flags are declared, every test parses them")
        .options
}

/// The path from the root if that can be found out, for a reader in another directory.
fn shown(path: &Path) -> String {
    let full = std::path::absolute(path);
    full.as_deref().unwrap_or(path).display().to_string()
}

fn announce_nsqlookupd(options: &NsqlookupdOptions, console: &mut Console<'_>) {
    console.say(&format!("nsqlookupd listens for nsqd on {}", options.tcp_address));
    console.say(&format!("nsqlookupd listens for HTTP on {}", options.http_address));
}

fn announce_nsqd(listening: &Listening, console: &mut Console<'_>) {
    if let Some(tcp) = &listening.tcp {
        console.say(&format!("nsqd listens for clients on {tcp}"));
    }
    if let Some(http) = &listening.http {
        console.say(&format!("nsqd listens for HTTP on {http}"));
    }
    if let Some(https) = &listening.https {
        console.say(&format!("nsqd listens for HTTPS on {https}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Ran, run_with};

    fn up(arguments: &[&str], daemon: Daemon<UpOptions>) -> Ran {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
        run_with(|console| run(&arguments, daemon, console))
    }

    fn echo(options: UpOptions, on_ready: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        let options = options.nsqd;
        on_ready(&Listening {
            tcp: Some(options.tcp_address.to_string()),
            http: options.http_address.map(|address| address.to_string()),
            https: options.https_address.map(|address| address.to_string()),
        });
        Ok(())
    }

    #[test]
    fn flags_override_what_up_prefers_and_a_given_data_path_is_not_created() {
        let parent = tempfile::tempdir().unwrap();
        let data_path = parent.path().join("data");
        let data_path_flag = format!("--data-path={}", data_path.display());
        let ran = up(&["--tcp-address=127.0.0.2:5150", &data_path_flag], echo);
        assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
        let expected = format!(
            "nsqd keeps its data in {}\n\
             nsqlookupd listens for nsqd on 127.0.0.1:4160\n\
             nsqlookupd listens for HTTP on 127.0.0.1:4161\n\
             nsqd listens for clients on 127.0.0.2:5150\n\
             nsqd listens for HTTP on 127.0.0.1:4151\n\
             nsqd listens for HTTPS on 127.0.0.1:4152\n\
             nsqadmin has its pages on http://127.0.0.1:4171/\n",
            data_path.display()
        );
        assert_eq!(ran.out, expected);
        assert!(!data_path.exists());
    }

    #[test]
    fn there_is_no_nsqlookupd_where_nsqd_is_told_of_others() {
        #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
        fn told(options: UpOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
            assert!(options.beside.nsqlookupd.is_none());
            assert!(options.beside.nsqadmin.is_some());
            assert_eq!(options.nsqd.nsqlookupd_tcp_addresses, ["lookup1:4160"]);
            Ok(())
        }
        let parent = tempfile::tempdir().unwrap();
        let data_path_flag = format!("--data-path={}", parent.path().display());
        let ran = up(&["--lookupd-tcp-address=lookup1:4160", &data_path_flag], told);
        assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
    }

    #[test]
    fn help_names_the_defaults_of_up() {
        let ran = up(&["--help"], echo);
        assert_eq!(ran.code, ExitCode::Success);
        assert!(ran.err.starts_with("Usage of nsq up:\n"), "{}", ran.err);
        assert!(ran.err.contains("(default \"127.0.0.1:4150\")"), "{}", ran.err);
        assert!(ran.err.contains("(default \"nsq-data\")"), "{}", ran.err);
    }

    #[test]
    fn nobody_else_is_let_in_by_default() {
        let options = NsqdOptions::decide(&[&defaults()]).unwrap();
        assert_eq!(options.tcp_address.to_string(), "127.0.0.1:4150");
        assert_eq!(options.http_address.unwrap().to_string(), "127.0.0.1:4151");
        assert_eq!(options.https_address.unwrap().to_string(), "127.0.0.1:4152");
        assert_eq!(options.broadcast_address, "127.0.0.1");
        assert_eq!(options.data_path, Path::new(DATA_PATH));
        let options = nsqlookupd();
        assert_eq!(options.tcp_address.to_string(), "127.0.0.1:4160");
        assert_eq!(options.http_address.to_string(), "127.0.0.1:4161");
        assert_eq!(options.broadcast_address, "127.0.0.1");
        assert_eq!(nsqadmin().http_address.to_string(), "127.0.0.1:4171");
    }

    #[test]
    fn there_are_no_pages_where_they_could_ask_nobody() {
        #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
        fn mute(options: UpOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
            assert!(options.beside.nsqlookupd.is_none() && options.beside.nsqadmin.is_none());
            Ok(())
        }
        let parent = tempfile::tempdir().unwrap();
        let data_path_flag = format!("--data-path={}", parent.path().display());
        let flags = ["--lookupd-tcp-address=lookup1:4160", "--http-address=", &data_path_flag];
        assert_eq!(up(&flags, mute).code, ExitCode::Success);
    }
}
