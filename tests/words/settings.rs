//! Settings, and the files that they name. Nothing is sent.

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
            "use https://clientauth.example",
            "The module does not send credentials without TLS, and no setting changes that.",
        )
        .with(&[("SM_HOST", "http://clientauth.example")]),
        entry(
            "A secret in the wrong setting",
            Find(KEY),
            "contains the value of SM_API_KEY",
            "Two settings have each other's values. The module neither shows the value nor sends it anywhere, not even to the name server.",
        )
        .with(&[("SM_API_KEY", "0123456789abcdef_0123456789"), ("SM_HOST", "0123456789abcdef_0123456789")]),
        entry(
            "Empty secret in a CI job",
            Find(KEY),
            "is still a placeholder",
            "The pipeline has no value for the secret: its name is misspelt, or this job may not read it (pull requests from forks). The module refuses an empty `SM_API_KEY` or `SM_CLIENT_CERT_FILE` in the same way, before any request.",
        )
        .with(&[("SM_API_KEY", "$(SM_API_KEY)")]),
        entry(
            "Invalid value for a setting",
            Find(KEY),
            "STM_PKCS11_TIMEOUT",
            "The module refuses invalid values, except those of log settings, about which it warns. [settings.md](settings.md) lists the values that each setting accepts.",
        )
        .with(&[("STM_PKCS11_TIMEOUT", "soon")]),
        entry(
            "Unknown setting",
            Start,
            "did you mean",
            "A warning (shown with `SM_LOG_LEVEL=WARN`): the name of a variable begins with `SM_` or `STM_PKCS11_`, and is similar to that of a setting.",
        )
        .with(&[("SM_CLIENT_CERT_PASWORD", "x")])
        .warns(),
        entry(
            "A certificate that the keypair does not have",
            Find(KEY),
            "does not name a certificate",
            "`STM_PKCS11_CERTIFICATE` names the certificate to show by its id or alias (aliases are case-sensitive). The service's \
             default certificate is shown instead; the message lists those that the keypair has. A listing reports names that match no \
             certificate.",
        )
        .with(&[("STM_PKCS11_CERTIFICATE", "release-2027")])
        .warns(),
        entry(
            "Unknown key in the settings file",
            Find(KEY),
            "did you mean 'api_key'",
            "The message names file, line and key, and suggests the most similar key.",
        )
        .file(&[("stm-pkcs11.toml", 0o600, "[[token]]\nname = 'production'\napi_kye = 'env:KEY'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "Settings file not found",
            Find(KEY),
            "cannot be read",
            "`STM_PKCS11_CONFIG` names a file that does not exist or that this user cannot read. Set it to `none` to read no settings file.",
        )
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "The command for a secret fails",
            Find(KEY),
            "the command 'false' failed",
            "A `command:` in the settings file must exit with status 0 and print the secret within the timeout of the call. Its stderr is passed through.",
        )
        .file(&[("stm-pkcs11.toml", 0o600, "[[token]]\nname = 'production'\nproxy = 'command:false'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "Other users can read a file with secrets",
            Start,
            "chmod 600",
            "A warning at every log level: settings, properties and key files contain credentials, or their paths.",
        )
        .file(&[("stm-pkcs11.toml", 0o644, "[[token]]\nname = 'production'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")])
        .warns(),
        entry(
            "Other users can change a file with settings",
            Find(KEY),
            "other users can change it",
            "Settings can run programs (`command:`) and choose the service, so a file that others can change is not read. The same \
             holds for properties, certificates, keys and secrets, for a file that belongs to neither root nor you, for a symbolic link that another user made, and for anything but a regular file of at most 1 MiB.",
        )
        .file(&[("stm-pkcs11.toml", 0o666, "[[token]]\nname = 'production'\n")])
        .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
    ],
};

pub const IDENTITY: Group = Group {
    title: "Client certificate",
    entries: &[
        entry(
            "Client certificate file not found",
            Find(KEY),
            "check the path",
            "A relative path in `SM_CLIENT_CERT_FILE` is relative to the current directory, which build tools change: use an absolute path. In pipelines, set `SM_CLIENT_CERT_FILE_B64` to the content of the file.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "/secrets/client.p12")]),
        entry(
            "Wrong password for the client certificate",
            Find(KEY),
            "wrong password for",
            "The service shows the password once, when you create the certificate. If it is lost, create a new certificate. In a shell, put the password in single quotes if it contains `$` or `!`.",
        )
        .with(&[("SM_CLIENT_CERT_PASSWORD", "not-the-password")]),
        entry("Password not set", Find(KEY), "has a password", "`SM_CLIENT_CERT_PASSWORD` is empty or not set. Pull requests from forks usually get no secrets.")
            .file(&[("stm-pkcs11.toml", 0o600, NO_PASSWORD)])
            .with(&[("STM_PKCS11_CONFIG", "{folder}/stm-pkcs11.toml")]),
        entry(
            "Not a readable PKCS#12 or PEM file",
            Find(KEY),
            "is not a readable",
            "The file is often still base64, as the secret store returned it. Decode it (`base64 -d`), or set `SM_CLIENT_CERT_FILE_B64` instead.",
        )
        .file(&[("client.p12", 0o600, "this is no certificate")])
        .with(&[("SM_CLIENT_CERT_FILE", "{folder}/client.p12")]),
        entry(
            "SM_CLIENT_CERT_FILE_B64 is not valid base64",
            Find(KEY),
            "SM_CLIENT_CERT_FILE_B64",
            "CI systems may truncate secrets of several lines. Store it as one line: `base64 -w0 client.p12`.",
        )
        .with(&[("SM_CLIENT_CERT_FILE_B64", "MIIKpAIB*")]),
        entry(
            "PEM file without a private key",
            Find(KEY),
            "does not contain a private key",
            "Put certificate and key into one file, in any order (`cat client.crt client.key > client.pem`), or set `SM_CLIENT_KEY_FILE`.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/tls-ca.pem")]),
        entry(
            "Wrong password for the PEM key",
            Find(KEY),
            "wrong password for the key",
            "An encrypted PKCS#8 key (`BEGIN ENCRYPTED PRIVATE KEY`) is decrypted with `SM_CLIENT_CERT_PASSWORD`. If it is not set, the message says so.",
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
            "Expired client certificate",
            Find(KEY),
            "expired on",
            "Create a new certificate in the service. The module does not connect with an expired certificate, because the TLS handshake would fail with a less helpful message.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-expired.p12")]),
        entry(
            "Client certificate expires soon",
            Find(KEY),
            "expires on",
            "A warning, thirty days before the certificate expires. `stm-pkcs11 doctor` reports it too; run it in a monthly job.",
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
