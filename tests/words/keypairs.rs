//! Keypairs, and what is asked of them.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const KEYPAIRS: Group = Group {
    title: "Keypair",
    entries: &[
        entry(
            "Keypair not found",
            Find("release-2019"),
            "there is no keypair",
            "No keypair has this alias, or the user of the API key may not see it. If the module knows a similar alias, the message suggests it. This costs one request, and no signature.",
        ),
        entry(
            "Keypair not found: did you mean",
            FindAmong("demo-rsa-3027"),
            "did you mean 'demo-rsa-3072'",
            "As above, with a similar alias. You see it only if the program searches for the private key by its label. Programs that list all \
             objects and compare labels themselves (OpenSSL's engine, osslsigncode, Java) do not tell the module the alias.",
        ),
        entry(
            "Keypair not found: aliases are case-sensitive",
            FindAmong("Demo-EC-P256"),
            "aliases are case-sensitive",
            "The service's search ignores case, but PKCS#11 compares labels byte by byte. Use the alias as the message shows it.",
        ),
        entry(
            "Keypair excluded by STM_PKCS11_KEYPAIRS",
            Find(KEY),
            "STM_PKCS11_KEYPAIRS",
            "`STM_PKCS11_KEYPAIRS`, or `keypairs` in the settings file, lists the keypairs to show. Add the alias.",
        )
        .with(&[("STM_PKCS11_KEYPAIRS", "release-*")]),
        entry(
            "Keypair is OFFLINE",
            Sign("demo-offline"),
            "OFFLINE",
            "Offline keypairs sign only within a release window. Set the keypair online in the service's web console (keypair, edit), or open a release window.",
        ),
        entry(
            "Keypair without a certificate",
            List,
            "has no certificate",
            "A warning (shown with `SM_LOG_LEVEL=WARN`). The keypair can sign, but has no certificate, so Java does not show the alias, and signing tools find no certificate. Issue one in the service's web console.",
        )
        .warns(),
        entry(
            "Keypair without a public key",
            List,
            "is not shown",
            "The service returned neither a public key nor a certificate. Keypairs whose key changes with each signature (dynamic keypairs) have none.",
        )
        .when(
            r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "body": {"total": 1, "items": [{"id":
                 "11111111-2222-3333-4444-555555555555", "alias": "release", "key_alg": "RSA", "certificates": []}]}}]"#,
        )
        .warns(),
        entry(
            "Public key in an unknown format",
            Find("release"),
            "exists, but the module cannot show it",
            "The keypair exists, but its public key has a format that the module does not know, and it has no certificate to take the key from. Issue a certificate, and report the format.",
        )
        .when(
            r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "body": {"total": 1, "items": [{"id":
                 "11111111-2222-3333-4444-555555555555", "alias": "release", "key_alg": "RSA", "public_key": "%%%",
                 "certificates": [], "number_of_active_certificates": 0}]}}]"#,
        ),
        entry(
            "Response without a signature",
            Sign(KEY),
            "without a signature",
            "The service reported success, but neither its response nor the signature log contains the signature.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 201, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "SUCCESS"}}]"#,
        ),
        entry(
            "Signing failed in the service",
            Sign(KEY),
            "has the status FAILED: the HSM is not available",
            "The service accepted the request and failed afterwards. The message contains the reason if the service gave one.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 201, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "FAILED", "failure_reason": "the HSM is not available"}}]"#,
        ),
        entry(
            "Signature not ready in time",
            Sign(KEY),
            "status IN_PROGRESS",
            "The module polls the signature log until the timeout. The signature may become ready later: run `stm-pkcs11 signature show ID --wait`.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 202, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "IN_PROGRESS"}}]"#,
        )
        .with(&[("STM_PKCS11_TIMEOUT", "2")]),
        entry(
            "Signature algorithm refused (INVALID_SIG_ALG)",
            Sign(KEY),
            "sig_alg SHA256WithECDSA, a hash of 32 bytes",
            "The service does not support the algorithm for this keypair. The message shows what was sent. Choose another mechanism or digest.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 400, "body": {"errors": [{"code": "INVALID_SIG_ALG",
                 "message": "Signature algorithm is not valid"}]}}]"#,
        ),
        entry(
            "Signature does not verify",
            Sign(KEY),
            "does not verify",
            "The module verifies every signature with the public key of the token before it returns it. This happens once after a keypair is re-created under the same alias: the cached entry is dropped, and the next call fetches it again.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signature": "MEUCIQCNl2bDBRhvn3LsLQY9p0iZgDbO7i3HqSKPkIlhhVMDNgIgYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="}}]"#,
        ),
    ],
};

pub const CALLS: Group = Group {
    title: "New keypairs",
    entries: &[
        entry(
            "New keypair without an alias",
            Generate(None),
            "needs an alias",
            "`pkcs11-tool --keypairgen` requires `--label ALIAS`.",
        ),
        entry(
            "Alias already exists (409)",
            Generate(Some(KEY)),
            "choose an alias that is not in use",
            "Aliases are unique in an account, including those of keypairs that you cannot see. Choose another alias.",
        ),
    ],
};
