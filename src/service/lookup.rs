//! Requests one keypair by its id.

use super::chains::Chains;
use super::failure::{Failure, Kind};
use super::line::Line;
use super::model::{self, Keypair};
use super::request::{Request, segment};
use super::wire;

/// The keypair with this id, if there is one.
pub async fn by_id(line: &Line, id: &str) -> Result<Option<Keypair>, Failure> {
    // In a path these are directories.
    if matches!(id, "." | "..") {
        return Ok(None);
    }
    let read = |keypair: &wire::Keypair<'_>| model::keypair(keypair, &mut Chains::new());
    match line.keypair(&Request::get(format!("/keypairs/{}", segment(id))), read).await {
        Ok(keypair) => Ok(keypair.filter(|keypair| keypair.id == id)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
