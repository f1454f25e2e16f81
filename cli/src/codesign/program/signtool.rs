//! Microsoft's signtool: it calls the module by `/dlib`, which needs neither a provider nor a certificate in a store. It stamps in
//! a second run, so that a stamp that fails costs no second signature.

use super::java::{run_with_module, spent};
use super::process::{command, run};
use super::second_run;
use super::{Job, Made, Trust, Unfit, Use, Verified, present};
use crate::codesign::options::{Existing, hash_name};
use crate::language::Language;
use crate::module_file;
use crate::print::Failure;
use std::fs;
use std::path::Path;

pub fn can(_: &Path, wanted: &Use<'_>) -> Result<(), Unfit> {
    match module_file::find(wanted.options.module.as_deref()) {
        Ok(_) => Ok(()),
        Err(failure) => Err(Unfit::new(format!("cannot load the module: {}", failure.why()), failure.remedy())),
    }
}

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let module = module_file::find(job.options.module.as_deref())?;
    let alias = Language::PlainJson.write(job.signer.alias()).expect("JSON carries any text");
    let metadata = job.work.join("keypair.json");
    let unwritten = |error| Failure::new(format!("write into {}", job.work.display()), error, "make room on the disk");
    fs::write(&metadata, format!("{{\"keypair\": \"{alias}\"}}")).map_err(unwritten)?;
    // It signs in place.
    fs::copy(&job.source, &job.signed).map_err(unwritten)?;
    let mut signs = command(program, ["sign", "/fd", hash_name(job.options.digest), "/dlib"]);
    signs.arg(module).arg("/dmdf").arg(metadata);
    if job.is_signed && job.options.existing == Existing::Append {
        signs.arg("/as");
    }
    for (option, value) in [("/d", &job.options.opus.description), ("/du", &job.options.opus.url)] {
        if let Some(value) = value {
            signs.args([option, value]);
        }
    }
    signs.arg(&job.signed);
    let (said, records) = run_with_module(job, signs)?;
    if !said.ok {
        let remedy = "read what the module says above; stm-pkcs11 doctor checks each step";
        return Err(spent(Failure::new("sign with signtool", said.why(), remedy), &records));
    }
    let stamped = second_run::stamp(job, |authority| {
        let words = ["timestamp", "/tr", authority.url(), "/td", hash_name(job.options.digest)];
        let mut stamps = command(program, words);
        stamps.arg(&job.signed);
        stamps
    });
    let stamp = stamped.map_err(|failure| spent(failure, &records))?;
    Ok(Made { records, stamp, verified: None })
}

pub fn verify(program: &Path, file: &Path, trust: &Trust<'_>) -> Result<Verified, Failure> {
    let mut verifies = command(program, ["verify", "/pa", "/all"]);
    verifies.arg(file);
    let said = run(verifies)?;
    // A root that this machine does not trust is another matter than the signature: CERT_E_UNTRUSTEDROOT, CERT_E_CHAINING.
    let untrusted = ["0x800B0109", "0x800B010A", "terminated in a root"].iter().any(|text| said.text.contains(text));
    if said.ok || (untrusted && !trust.strict) {
        return Ok(Verified::Wholly);
    }
    // ERROR_CALL_NOT_IMPLEMENTED: a system without catalogues, as wine, on which signtool verifies nothing.
    if said.text.contains("0x00000078") && !trust.strict {
        return present(trust.kind, file, "signtool");
    }
    Err(Failure::new("verify with signtool", said.why(), "report it with the output above; the original is as it was"))
}
