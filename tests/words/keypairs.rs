//! Keypairs, and what is asked of them.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const KEYPAIRS: Group = Group {
    title: "The keypair",
    entries: &[
        entry(
            "The alias does not exist",
            Find("release-2019"),
            "there is no keypair",
            "No keypair has this alias, or the user of the API key may not see it. If another is nearly called so, and the \
             module has seen it, the line names it. It costs one look-up, and no signature.",
        ),
        entry(
            "The alias has a typing error",
            FindAmong("demo-rsa-3027"),
            "did you mean 'demo-rsa-3072'",
            "The same, with a name that the module has seen: most clients list everything before they choose.",
        ),
        entry(
            "The alias differs by case",
            FindAmong("Demo-EC-P256"),
            "the case of an alias matters",
            "The service compares aliases without regard to case when it searches, and PKCS#11 compares labels byte by byte.",
        ),
        entry(
            "The filter hides it",
            Find(KEY),
            "STM_PKCS11_KEYPAIRS",
            "`STM_PKCS11_KEYPAIRS`, or `keypairs` in the settings file, lists what is shown.",
        )
        .with(&[("STM_PKCS11_KEYPAIRS", "release-*")]),
        entry(
            "The keypair is offline",
            Sign("demo-offline"),
            "OFFLINE",
            "Offline keypairs sign in a release window only. Set it online in the service's web page (keypair, edit), or open a \
             release.",
        ),
        entry(
            "The keypair has no certificate",
            List,
            "has no certificate",
            "A note (`SM_LOG_LEVEL=WARN`) that explains why Java does not see the alias and why signing tools find no certificate: \
             the keypair can sign, but nobody has issued a certificate for it. Issue one in the service's web page.",
        )
        .warns(),
        entry(
            "The keypair has nothing to show",
            List,
            "is not shown",
            "The service gave neither a public key nor a certificate; a keypair whose kind is decided for each signature has none.",
        )
        .when(
            r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "body": {"total": 1, "items": [{"id":
                 "11111111-2222-3333-4444-555555555555", "alias": "release", "key_alg": "RSA", "certificates": []}]}}]"#,
        )
        .warns(),
        entry(
            "The public key cannot be read",
            Find("release"),
            "exists, but the module cannot show it",
            "The keypair exists, and the service gives its public key in a form that the module does not know, and no certificate \
             whose key could be used instead. Please report the form.",
        )
        .when(
            r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "body": {"total": 1, "items": [{"id":
                 "11111111-2222-3333-4444-555555555555", "alias": "release", "key_alg": "RSA", "public_key": "%%%",
                 "certificates": [], "number_of_active_certificates": 0}]}}]"#,
        ),
        entry(
            "The answer holds no signature",
            Sign(KEY),
            "without a signature",
            "The service answered \"created\" and left the signature out, in the record, too.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 201, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "SUCCESS"}}]"#,
        ),
        entry(
            "The service did not sign",
            Sign(KEY),
            "has the status FAILED: the HSM is not available",
            "The service accepted the request and failed afterwards. The line has its reason, where it gives one.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 201, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "FAILED", "failure_reason": "the HSM is not available"}}]"#,
        ),
        entry(
            "The signature does not get ready",
            Sign(KEY),
            "has the status IN_PROGRESS",
            "The module reads the signature's record until the time of the call is over. The signature may get ready afterwards: \
             `stm-pkcs11 signature show ID` reads its record.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 202, "body": {"id": "11111111-2222-3333-4444-555555555555"}},
                {"path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "11111111-2222-3333-4444-555555555555",
                 "signing_status": "IN_PROGRESS"}}]"#,
        )
        .with(&[("STM_PKCS11_TIMEOUT", "2")]),
        entry(
            "The algorithm is refused",
            Sign(KEY),
            "sig_alg SHA256WithECDSA, a hash of 32 bytes",
            "The service does not have the algorithm for this keypair. The line names what was sent.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 400, "body": {"errors": [{"code": "INVALID_SIG_ALG",
                 "message": "Signature algorithm is not valid"}]}}]"#,
        ),
        entry(
            "The signature is not of this keypair",
            Sign(KEY),
            "does not verify",
            "Every signature is verified with the public key that the token shows before a client gets it. A keypair that was made \
             anew under its old alias looks so once; what was known of it is forgotten, and the next call asks anew.",
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
            "A new keypair without a name",
            Generate(None),
            "needs an alias",
            "`pkcs11-tool --keypairgen` wants `--label ALIAS`.",
        ),
        entry(
            "A new keypair whose name is taken",
            Generate(Some(KEY)),
            "choose an alias that is not taken",
            "Aliases are unique in an account, whoever may see them.",
        ),
    ],
};
