//! What `stm-pkcs11 doctor --shape` asks the service besides what the module asks.

use super::Service;
use super::failure::Failure;
use super::observe::Observer;
use super::request::Request;

impl Service {
    /// From now on shows every exchange to `observer`. The first observer stays.
    pub fn observe(&self, observer: Observer) {
        self.observation.begin(observer);
    }

    /// Reads a path below the API for the observer's sake.
    ///
    /// # Errors
    /// As of any other request; also where the answer is not JSON.
    pub fn read(&self, path: &str, query: &[(&'static str, &str)]) -> Result<(), Failure> {
        let request = query.iter().fold(Request::list(path), |request, (name, value)| request.with(name, *value));
        self.run(self.deadline(), async |line| line.knock(&request).await.map(drop))
    }
}
