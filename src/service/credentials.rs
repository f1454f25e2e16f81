//! The credentials: the client certificate's password and the API key.

use crate::config::{Login, Secret, TokenSettings};

/// The credentials of one login. Each has its own name, so that they cannot be confused.
#[derive(Default, Clone, Copy)]
pub struct Credentials<'a> {
    /// Decrypts the client certificate's file; `None` if the file has no password, or there is no certificate.
    pub password: Option<&'a Secret>,
    /// Sent in the header `x-api-key`; `None` if the client certificate alone authenticates the user.
    pub api_key: Option<&'a Secret>,
}

impl<'a> Credentials<'a> {
    /// The configured credentials, with `C_Login`'s PIN in place of the one that `STM_PKCS11_LOGIN` names.
    pub fn new(settings: &'a TokenSettings, pin: Option<&'a Secret>) -> Self {
        let configured = Self { password: settings.client_cert_password.as_ref(), api_key: settings.api_key.as_ref() };
        match settings.login {
            Login::None => configured,
            Login::ClientCertPassword => Self { password: pin.or(configured.password), ..configured },
            Login::ApiKey => Self { api_key: pin.or(configured.api_key), ..configured },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_from};

    #[test]
    fn a_pin_stands_in_the_place_of_one_credential_alone() {
        let pin = Secret::new("pin");
        for (login, expected) in
            [("none", ("password", "key")), ("password", ("pin", "key")), ("api-key", ("password", "pin"))]
        {
            let pairs = [("STM_PKCS11_LOGIN", login), ("SM_API_KEY", "key"), ("SM_CLIENT_CERT_PASSWORD", "password")];
            let environment = pairs.map(|(name, value)| (name.into(), value.into())).into();
            let settings = &load_from(Sources::new(None, environment)).tokens[0];
            let Credentials { password, api_key } = Credentials::new(settings, Some(&pin));
            assert_eq!((password.unwrap().reveal(), api_key.unwrap().reveal()), expected);
        }
    }
}
