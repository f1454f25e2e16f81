//! Additional requests of `stm-pkcs11 doctor --shape`.

use super::Service;
use super::failure::Failure;
use super::observe::Observer;
use super::request::Request;

impl Service {
    /// Shows every exchange to `observer` from now on. Only the first observer counts.
    pub fn observe(&self, observer: Observer) {
        self.lines.observation.begin(observer);
    }

    /// Reads a path below the API, for the observer.
    ///
    /// # Errors
    /// As for any other request, and if the response is not JSON.
    pub fn read(&self, path: &str, query: &[(&'static str, &str)]) -> Result<(), Failure> {
        let request = query.iter().fold(Request::list(path), |request, (name, value)| request.with(name, *value));
        self.lines.run(self.deadline(), async |line| line.knock(&request).await.map(drop))
    }
}
