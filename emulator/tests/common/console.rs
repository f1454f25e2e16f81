//! The console as a browser uses it: pages, and forms with the token of their page.

use super::{Answer, Directory, Emulator};
use serde_json::json;

impl Emulator {
    /// An emulator with one keypair, `ec`, which takes less time than the usual ones.
    pub fn with_ec(directory: &Directory, arguments: &[&str]) -> Emulator {
        let emulator = Emulator::start(directory, &[&["--seed", "empty"], arguments].concat());
        let ec = json!({"alias": "ec", "key_alg": "ECDSA", "key_storage": "HSM", "key_type": "TEST",
                        "properties": {"curve": "P-256"}, "status": "ONLINE", "generate_cert": true});
        assert_eq!(emulator.post("/keypairs", &ec).status, 201);
        emulator
    }

    /// A page of the console, as a browser that is opened with its address asks for it.
    pub fn page(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.admin);
        self.curl(&["--header", "accept: text/html,*/*;q=0.8", "--header", "sec-fetch-site: none", &url])
    }

    /// The token in the forms of this run.
    pub fn token(&self) -> String {
        let page = self.page("/console/faults").text();
        let (_, rest) = page.split_once("name=\"token\" value=\"").expect("the forms have a token");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Sends a form as the console's own page does.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.form_with(path, fields, &self.token(), &[])
    }

    /// Sends a form with that token and further headers.
    pub fn form_with(&self, path: &str, fields: &[(&str, &str)], token: &str, headers: &[&str]) -> Answer {
        let url = format!("{}{path}", self.admin);
        let origin = format!("origin: {}", self.admin);
        let own = ["accept: text/html", "sec-fetch-site: same-origin", origin.as_str()];
        let headers = if headers.is_empty() { &own[..] } else { headers };
        let mut arguments = vec!["--request".to_owned(), "POST".to_owned()];
        for (name, value) in fields.iter().chain(&[("token", token)]) {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        for header in headers {
            arguments.extend(["--header".to_owned(), (*header).to_owned()]);
        }
        arguments.push(url);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.curl(&arguments)
    }

    /// Sends a form that must be accepted, and gives the page that follows.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.form(path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        let page = self.page(&answer.header("location"));
        assert_eq!(page.status, 200);
        page.text()
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header of the response, in lower case; empty if there is none.
    pub fn header(&self, name: &str) -> String {
        let start = format!("{name}: ");
        self.headers.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    }
}
