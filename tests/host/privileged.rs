//! Set-uid and set-gid hosts: the caller's environment and home directory control nothing.
//!
//! As root, the tests make set-uid and set-gid copies of a program in C, and run them as `nobody`. Another user makes a
//! set-gid copy for another of its groups. A user with only one group cannot make such a program: then the tests fail
//! with a message.

use crate::support::module_path;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOBODY: u32 = 65_534;

/// A program with more rights than its caller, and the caller.
struct Program {
    path: PathBuf,
    /// Whom it is run as; `None` for whoever runs the tests.
    caller: Option<u32>,
    kind: &'static str,
}

/// A directory that everybody may enter, with a module that everybody may read.
struct Place {
    folder: tempfile::TempDir,
    module: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        let module = folder.path().join("module.so");
        fs::copy(module_path(), &module).expect("a copy of the module");
        fs::set_permissions(&module, Permissions::from_mode(0o755)).expect("its mode");
        let program = folder.path().join("privileged");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/privileged.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler).args(["-O1", "-Wall", "-o"]).arg(&program).arg(source).arg("-ldl").status();
        assert!(built.expect("this test needs a C compiler: cc, or CC").success());
        Self { folder, module }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn copy(&self, kind: &'static str, owner: Option<(u32, u32)>, mode: u32, caller: Option<u32>) -> Program {
        let path = self.path().join(kind);
        fs::copy(self.path().join("privileged"), &path).expect("a copy of the program");
        if let Some((user, group)) = owner {
            chown(&path, Some(user), Some(group)).expect("another owner");
        }
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        let mode_now = path.metadata().expect("it is there").mode() & 0o7777;
        assert_eq!(mode_now, mode, "{kind}: this system does not let the test make such a program");
        Program { path, caller, kind }
    }

    /// Every such program that this user can make.
    fn programs(&self) -> Vec<Program> {
        let user = self.path().metadata().expect("it is there").uid();
        if user == 0 {
            return vec![
                self.copy("set-uid", Some((0, 0)), 0o4755, Some(NOBODY)),
                self.copy("set-gid", Some((0, 0)), 0o2755, Some(NOBODY)),
            ];
        }
        let groups = Command::new("id").arg("-G").output().expect("id");
        let groups = String::from_utf8_lossy(&groups.stdout).into_owned();
        let mut groups = groups.split_whitespace().map(|group| group.parse::<u32>().expect("a number"));
        let own = groups.next();
        let other = groups.find(|group| Some(*group) != own);
        let other = other.expect(
            "a set-uid or set-gid program is needed here: run this test as root, or as a user in more than one group",
        );
        vec![self.copy("set-gid", Some((user, other)), 0o2755, None)]
    }

    /// A home whose settings run a command, log and cache in places that the caller chose.
    fn home(&self, caller: Option<u32>) -> PathBuf {
        let home = self.path().join("home");
        let folders = [home.clone(), home.join(".config/stm-pkcs11"), home.join(".signingmanager")];
        folders.iter().for_each(|folder| fs::create_dir_all(folder).expect("a folder"));
        let settings = format!(
            "[log]\ndir = '{0}/logs'\nlevel = 'TRACE'\n[[token]]\nhost = 'https://127.0.0.1:9'\n\
             api_key = \"command:/usr/bin/touch {0}/ran\"\ncache_file = '{0}/cache'\n",
            home.display()
        );
        fs::write(home.join(".config/stm-pkcs11/stm-pkcs11.toml"), settings).expect("a file");
        fs::write(home.join(".signingmanager/ssm-config.properties"), "SM_HOST=https://127.0.0.1:9\n").expect("a file");
        for entry in [".config/stm-pkcs11/stm-pkcs11.toml", ".signingmanager/ssm-config.properties"] {
            fs::set_permissions(home.join(entry), Permissions::from_mode(0o600)).expect("its mode");
        }
        let mut left = vec![home.clone()];
        while let Some(path) = left.pop() {
            caller.into_iter().for_each(|caller| chown(&path, Some(caller), Some(caller)).expect("another owner"));
            if path.is_dir() {
                left.extend(fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
            }
        }
        home
    }

    /// Runs a program in the caller's environment; returns its output and its standard error.
    fn run(&self, program: &Program, words: &[&str], variables: &[(&str, String)]) -> (String, String) {
        let mut command = Command::new(&program.path);
        command.args(words).arg(&self.module).env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        if let Some(caller) = program.caller {
            command.uid(caller).gid(caller);
        }
        let output = command.current_dir("/").output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

/// The notice that such a program writes once, however often it is initialised.
const NOTICE: &str = "this program runs with rights that its caller does not have";

fn check(program: &Program, printed: &str, said: &str) {
    let kind = program.kind;
    // C_FindObjectsInit fails: there is no host to ask. CKR_FUNCTION_FAILED.
    let round = "initialize 0\nopen 0\nsearch 6\nfinalize 0\n";
    assert_eq!(printed, format!("{round}{round}"), "{kind}: {said}");
    assert_eq!(said.matches(NOTICE).count(), 1, "{kind}: {said}");
    assert!(said.contains("/etc/stm-pkcs11/stm-pkcs11.toml, owned by root"), "{kind}: {said}");
    assert!(
        said.contains("SM_HOST and the credentials (SM_API_KEY, SM_CLIENT_CERT_FILE) are not set"),
        "{kind}: {said}"
    );
}

#[test]
fn a_privileged_host_reads_neither_its_callers_home_nor_environment() {
    let place = Place::new();
    for program in place.programs() {
        let home = place.home(program.caller);
        let path = |name: &str| home.join(name).display().to_string();
        let settings = path(".config/stm-pkcs11/stm-pkcs11.toml");
        for variables in [
            vec![("HOME", home.display().to_string())],
            vec![("STM_PKCS11_CONFIG", settings)],
            vec![("XDG_CONFIG_HOME", path(".config"))],
            vec![("SM_HOST", "https://127.0.0.1:9".to_owned()), ("SM_API_KEY", "a-key-of-the-caller".to_owned())],
        ] {
            for words in [&[] as &[&str], &["DROP"]] {
                let (printed, said) = place.run(&program, words, &variables);
                for left in ["ran", "logs", "cache", ".cache"] {
                    assert!(!home.join(left).exists(), "{}: {left} was made: {said}", program.kind);
                }
                check(&program, &printed, &said);
                assert!(!said.contains("a-key-of-the-caller"), "{said}");
            }
        }
    }
}

#[test]
fn a_privileged_host_writes_no_log_file_that_its_caller_names() {
    let place = Place::new();
    for program in place.programs() {
        let home = place.home(program.caller);
        // As `/etc/passwd` is for the caller: root's, and not to be appended to.
        let roots = place.path().join("roots-file");
        fs::write(&roots, "root's\n").expect("a file");
        let variables = [
            ("SM_LOG_DIR", place.path().display().to_string()),
            ("SM_LOG_FILE_NAME", "roots-file".to_owned()),
            ("SM_LOG_OUTPUT", "file".to_owned()),
            ("SM_LOG_LEVEL", "TRACE".to_owned()),
            ("HOME", home.display().to_string()),
        ];
        let (printed, said) = place.run(&program, &[], &variables);
        assert_eq!(fs::read_to_string(&roots).expect("a file"), "root's\n", "{}", program.kind);
        check(&program, &printed, &said);
        assert!(!said.contains(" TRACE ") && !said.contains("trace:"), "{}: {said}", program.kind);
    }
}

#[test]
fn a_privileged_host_writes_no_ledger_and_stores_no_signature_where_its_caller_says() {
    let place = Place::new();
    for program in place.programs() {
        let home = place.home(program.caller);
        // Root's, in the form that a ledger begins with: one line more would be a change.
        let roots = place.path().join("roots-ledger");
        let head = "{\"ledger\":\"stm-pkcs11\",\"version\":1,\"n\":1,\"line\":\"head\"}\n";
        fs::write(&roots, head).expect("a file");
        for ledger in [roots.clone(), place.path().join("new-ledger"), home.join("ledger")] {
            let variables = [
                ("STM_PKCS11_LEDGER", ledger.display().to_string()),
                ("STM_PKCS11_BUDGET", "0,0/day".to_owned()),
                ("STM_PKCS11_REUSE", "1h".to_owned()),
                ("HOME", home.display().to_string()),
            ];
            let (printed, said) = place.run(&program, &[], &variables);
            check(&program, &printed, &said);
            assert!(!said.contains("STM_PKCS11_BUDGET") && !said.contains("STM_PKCS11_LEDGER"), "{said}");
            assert_eq!(fs::read_to_string(&roots).expect("a file"), head, "{}", program.kind);
        }
        for left in
            ["new-ledger", "new-ledger.lock", "roots-ledger.lock", "home/ledger", "home/ledger.lock", "home/.cache"]
        {
            assert!(!place.path().join(left).exists(), "{}: {left} was made", program.kind);
        }
    }
}

#[test]
fn the_same_program_without_more_rights_reads_both() {
    let place = Place::new();
    let user = place.path().metadata().expect("it is there").uid();
    let caller = (user == 0).then_some(NOBODY);
    let program = place.copy("plain", None, 0o755, caller);
    let home = place.home(caller);
    let (printed, said) = place.run(&program, &[], &[("HOME", home.display().to_string())]);
    assert!(printed.starts_with("initialize 0\nopen 0\nsearch "), "{printed} {said}");
    assert!(!said.contains(NOTICE), "{said}");
    assert!(home.join("logs").exists(), "the log is where the settings want it: {said}");
}

/// The machine's settings are obeyed, while nobody but root can have made or changed them. Only root can make such a file; `/etc`
/// is a directory of the test's own here.
#[test]
fn a_privileged_host_obeys_the_machines_settings_if_they_are_roots() {
    let place = Place::new();
    if place.path().metadata().expect("it is there").uid() != 0 {
        return;
    }
    let settings = place.path().join("stm-pkcs11.toml");
    fs::write(
        &settings,
        "[[token]]\nname = 'machine'\nhost = 'https://127.0.0.1:9'\napi_key = '01_the-key-of-the-machine'\n\
         tls_skip_verify = true\n",
    )
    .expect("a file");
    let program = place.copy("set-uid", Some((0, 0)), 0o4755, Some(NOBODY));
    let script = "mount -t tmpfs none /etc && mkdir -m 755 /etc/stm-pkcs11 && cp \"$1\" /etc/stm-pkcs11 && \
                  chown \"$2\" /etc/stm-pkcs11/stm-pkcs11.toml && chmod \"$3\" /etc/stm-pkcs11/stm-pkcs11.toml && \
                  exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$4\" \"$5\"";
    let run = |owner: &str, mode: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(&settings).args([owner, mode]);
        let output = command.arg(&program.path).arg(&place.module).env("SM_HOST", "https://caller.example").output();
        let output = output.expect("unshare");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let (printed, said) = run("0", "600");
    // CKR_DEVICE_ERROR: nobody listens at the host that the file names.
    let round = "initialize 0\nopen 0\nsearch 30\nfinalize 0\n";
    assert_eq!(printed, format!("{round}{round}"), "{said}");
    assert!(said.contains("https://127.0.0.1:9/") && !said.contains("caller.example"), "{said}");
    for (owner, mode, words) in
        [("0", "646", "other users can change it (mode 0646)"), ("65534", "600", "it belongs to user 65534")]
    {
        let (printed, said) = run(owner, mode);
        assert!(printed.contains("search 6"), "{printed}{said}");
        assert!(said.contains(words) && !said.contains("127.0.0.1"), "{said}");
    }
}
