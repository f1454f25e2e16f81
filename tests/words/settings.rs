//! Settings and the files that they name. Nothing is sent.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const SETTINGS: Group = Group {
    title: "Settings",
    entries: &[
        entry(
            "Invalid SM_HOST",
            Find(KEY),
            "SM_HOST",
            "`SM_HOST` is the service's address and nothing more: `https://clientauth.one.digicert.com`. The message says where \
             the value came from: the environment, a settings file, or `ssm-config.properties`. A user name, a password, a \
             query or a path is refused, and a value that may be a secret is not shown. Without any `SM_HOST` the message says \
             \"is not set\" and where it was looked for.",
        )
        .with(&[("SM_HOST", "https:///clientauth.example")]),
        entry(
            "SM_HOST is not an https:// URL",
            Find(KEY),
            "use an https:// URL",
            "The API key would travel in the clear. There is no setting for that.",
        )
        .with(&[("SM_HOST", "http://clientauth.example")]),
        entry(
            "A secret in the wrong setting",
            Find(KEY),
            "contains the value of SM_API_KEY",
            "Credentials got into each other's variables. The value is neither shown nor sent anywhere, not even to the name server.",
        )
        .with(&[("SM_API_KEY", "0123456789abcdef_0123456789"), ("SM_HOST", "0123456789abcdef_0123456789")]),
        entry(
            "A pipeline without its secrets",
            Find(KEY),
            "is still a placeholder",
            "The pipeline had no value for the secret: its name is mistyped, or this job may not read it (pull requests of forks). \
             An empty `SM_API_KEY` or `SM_CLIENT_CERT_FILE` is refused in the same way, before any request.",
        )
        .with(&[("SM_API_KEY", "$(SM_API_KEY)")]),
        entry(
            "Invalid value for a setting",
            Find(KEY),
            "STM_PKCS11_TIMEOUT",
            "Every setting is read strictly: a value that would be ignored is an error, because a release must not depend on \
             it. [settings.md](settings.md) lists what each one takes.",
        )
        .with(&[("STM_PKCS11_TIMEOUT", "soon")]),
        entry(
            "Unknown setting",
            Start,
            "did you mean",
            "A warning (`SM_LOG_LEVEL=WARN` shows it): a variable that begins with `SM_` or `STM_PKCS11_` and is nearly the name \
             of a setting.",
        )
        .with(&[("SM_CLIENT_CERT_PASWORD", "x")])
        .warns(),
        entry(
            "A certificate that the keypair does not have",
            Find(KEY),
            "does not name a certificate",
            "`STM_PKCS11_CERTIFICATE` names the certificate to show by its id or alias (aliases are case-sensitive). The service's \
             default certificate is shown instead; the message lists those that the keypair has. A list of keypairs reports names that \
             are no certificate's.",
        )
        .with(&[("STM_PKCS11_CERTIFICATE", "release-2027")])
        .warns(),
        entry(
            "A typing error in the settings file",
            Find(KEY),
            "did you mean 'api_key'",
            "The line names file, line and key, and the nearest key there is.",
        )
        .file(&[("stm-pkcs11.toml", 0o600, "[[token]]\nname = 'production'\napi_kye = 'env:KEY'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "The settings file is not there",
            Find(KEY),
            "cannot be read",
            "`STM_PKCS11_CONFIG` names a file that does not exist or that this user may not read. `STM_PKCS11_CONFIG=none` \
             reads none.",
        )
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "A secret's program fails",
            Find(KEY),
            "the command 'false' failed",
            "A `command:` in the settings file must end with status 0 and print the secret within the time that an operation \
             has. What it says on standard error goes to standard error.",
        )
        .file(&[("stm-pkcs11.toml", 0o600, "[[token]]\nname = 'production'\nproxy = 'command:false'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "Other users can read a file with secrets",
            Start,
            "chmod 600",
            "A warning, at every log level: settings, properties and key files contain credentials, or name them.",
        )
        .file(&[("stm-pkcs11.toml", 0o644, "[[token]]\nname = 'production'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")])
        .warns(),
        entry(
            "Other users can change a file with settings",
            Find(KEY),
            "other users can change it",
            "Settings can run programs (`command:`) and choose the service, so a file that others can change is not read. The same \
             holds for properties, certificates, keys and secrets, for a file that belongs to neither root nor you, for a \
             symbolic link that somebody else made, and for what is not a regular file of at most 1 MiB.",
        )
        .file(&[("stm-pkcs11.toml", 0o666, "[[token]]\nname = 'production'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
    ],
};

pub const IDENTITY: Group = Group {
    title: "The client certificate",
    entries: &[
        entry(
            "The file is not there",
            Find(KEY),
            "check the path",
            "`SM_CLIENT_CERT_FILE` is looked for from the folder that the program runs in, if the path is relative; build \
             tools change folders, so give a whole path. In pipelines the content can stand in `SM_CLIENT_CERT_FILE_B64`.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "/secrets/client.p12")]),
        entry(
            "The password is wrong",
            Find(KEY),
            "does not open",
            "The password is the one that was shown when the certificate was made, once; nobody can look it up. Make a new \
             certificate in your account if it is lost. Beware of shells: a `$` or `!` in it wants single quotes.",
        )
        .with(&[("SM_CLIENT_CERT_PASSWORD", "not-the-password")]),
        entry("There is no password", Find(KEY), "has a password", "`SM_CLIENT_CERT_PASSWORD` is empty or not set; pipelines of forks often get no secrets.")
            .file(&[("stm-pkcs11.toml", 0o600, NO_PASSWORD)])
            .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "The file is no PKCS#12 and no PEM file",
            Find(KEY),
            "can be read",
            "Often it is still base64, as it came from the secret store: decode it (`base64 -d`), or hand it over as \
             `SM_CLIENT_CERT_FILE_B64`.",
        )
        .file(&[("client.p12", 0o600, "this is no certificate")])
        .with(&[("SM_CLIENT_CERT_FILE", "{folder}/client.p12")]),
        entry(
            "The certificate in the variable is cut off",
            Find(KEY),
            "SM_CLIENT_CERT_FILE_B64",
            "Secret stores of CI systems cut lines and lose ends. Store it in one line: `base64 -w0 client.p12`.",
        )
        .with(&[("SM_CLIENT_CERT_FILE_B64", "MIIKpAIB*")]),
        entry(
            "A PEM file without its key",
            Find(KEY),
            "does not contain a private key",
            "Certificate and key must be in the one file, in any order: `cat client.crt client.key > client.pem`.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/tls-ca.pem")]),
        entry(
            "The password does not open the PEM key",
            Find(KEY),
            "does not open the key",
            "An encrypted PKCS#8 key (`BEGIN ENCRYPTED PRIVATE KEY`) is opened with `SM_CLIENT_CERT_PASSWORD`. Where that is not \
             set, the message says that there is no password.",
        )
        .file(&[("client.pem", 0o600, ENCRYPTED)])
        .with(&[("SM_CLIENT_CERT_FILE", "{folder}/client.pem")]),
        entry(
            "A PEM key in an old encryption format",
            Find(KEY),
            "traditional format",
            "The formats of old OpenSSL versions (`Proc-Type: 4,ENCRYPTED`, and PKCS#8 with PBES1) derive the key with too little \
             work, and are not supported. The command converts the file and asks for both passwords.",
        )
        .file(&[("client.pem", 0o600, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n")])
        .with(&[("SM_CLIENT_CERT_FILE", "{folder}/client.pem")]),
        entry(
            "It has expired",
            Find(KEY),
            "expired on",
            "The service would refuse it in the TLS handshake, in words that nobody understands; so it is not even tried.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-expired.p12")]),
        entry(
            "It expires soon",
            Find(KEY),
            "expires on",
            "A warning, thirty days before the end. `stm-pkcs11 doctor` has it too, for a monthly job.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-soon.p12")])
        .warns(),
    ],
};

// Of two tokens none looks into the environment.
const NO_PASSWORD: &str = "[[token]]\nname = 'one'\nhost = '{host}'\napi_key = 'a-key-of-one'\n\
                           client_cert_file = '{state}/client.p12'\n[[token]]\nname = 'other'\nhost = '{host}'\n";

// An EC key with a password that nobody has.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgITN5cNfWm6gICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGUKBtKPzg/QWJrPS3acENwEgZBF
+Od0aGuU0Lgc7bOP/Lmtnu9LVz6CDS49g+mP7WnUDsqIP+70MMlw8ygfPbOpGJWK
4KgRFN6CSN+DVjNDHWVz6EiNTv16NIA+jIf9To0GR1Vb+p8sFeV1eGBEX39jibBe
7Yt057R28u3E8zGu6MM+ISRByt4gnSvhyxERiaeg9IH4JC3YFQVVhQxWXDTbBz0=
-----END ENCRYPTED PRIVATE KEY-----
";
