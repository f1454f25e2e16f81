//! The keypairs of a new state directory, and those that a test creates by the thousand.

use crate::keys::{Curve, KeyKind, KeyMaterial, MlDsaSet};
use crate::pki::Validity;
use crate::service::{Plan, Service};
use crate::slh::SETS;
use crate::state::new_id;
use crate::store::AddError;
use std::sync::Arc;

/// Which keypairs there are at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Seed {
    /// One keypair of each classical kind, an OFFLINE one and one without a certificate.
    Demo,
    /// None.
    Empty,
    /// As demo, plus ML-DSA and SLH-DSA, a dynamic keypair, one of another user, and one with an expired certificate.
    Full,
}

impl Seed {
    fn plans(self) -> Vec<Plan> {
        let mut plans = Vec::new();
        if self == Seed::Empty {
            return plans;
        }
        let p256 = KeyKind::Ec(Curve::P256);
        plans.extend([2048, 3072, 4096].map(|bits| Plan::new(format!("demo-rsa-{bits}"), KeyKind::Rsa(bits))));
        plans.push(Plan::new("demo-ec-p256", p256));
        plans.push(Plan::new("demo-ec-p384", KeyKind::Ec(Curve::P384)));
        plans.push(Plan::new("demo-ec-p521", KeyKind::Ec(Curve::P521)));
        plans.push(Plan::new("demo-ed25519", KeyKind::Ed25519));
        plans.push(Plan { online: false, ..Plan::new("demo-offline", p256) });
        plans.push(Plan { certificate: None, ..Plan::new("demo-bare", p256) });
        if self == Seed::Full {
            plans.extend(MlDsaSet::ALL.map(|set| Plan::new(format!("demo-ml-dsa-{set}"), KeyKind::MlDsa(set))));
            plans.push(Plan::new("demo-slh-dsa", KeyKind::SlhDsa(&SETS[0])));
            plans.push(Plan { dynamic: true, key_type: "TEST".to_owned(), ..Plan::new("demo-dynamic", p256) });
            plans.push(Plan { signable: false, ..Plan::new("demo-not-mine", p256) });
            plans
                .push(Plan { certificate: Some(Validity::expired()), ..Plan::new("demo-expired", KeyKind::Rsa(2048)) });
        }
        plans
    }

    /// Creates the missing keypairs of the seed; existing ones stay unchanged.
    pub fn plant(self, service: &Service) -> Result<(), AddError> {
        let missing: Vec<Plan> =
            self.plans().into_iter().filter(|plan| !service.store.has_alias(&plan.alias)).collect();
        // Generating RSA keys takes time, so all cores search for primes in parallel.
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = missing.iter().map(|plan| scope.spawn(|| service.make_with_new_key(plan))).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        let mut keypairs = Vec::with_capacity(made.len());
        for keypair in made {
            keypairs.push(keypair.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        for keypair in service.store.add(keypairs)? {
            service.write_certificates(&keypair).map_err(AddError::Io)?;
        }
        Ok(())
    }
}

/// Adds `count` listed keypairs named `<prefix>1` to `<prefix><count>`, each with its own certificate. All share one
/// P-256 key, so that 10,000 of them take a second or two.
pub fn bulk(service: &Service, count: usize, prefix: &str) -> Result<usize, AddError> {
    let kind = KeyKind::Ec(Curve::P256);
    let key = Arc::new(KeyMaterial::generate(kind)?);
    let key_id = new_id();
    service.state.keep_key(&key_id, &key).map_err(AddError::Io)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = (1..=count).collect();
    let made: Vec<_> = std::thread::scope(|scope| {
        let (key, key_id) = (&key, &key_id);
        let workers: Vec<_> = numbers
            .chunks(count.div_ceil(threads).max(1))
            .map(|chunk| {
                scope.spawn(move || -> Result<Vec<_>, AddError> {
                    let plans = chunk.iter().map(|number| Plan::new(format!("{prefix}{number}"), kind));
                    plans.map(|plan| Ok(service.make(&plan, key_id, key.clone())?)).collect()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let mut keypairs = Vec::with_capacity(count);
    for chunk in made {
        keypairs.extend(chunk.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    Ok(service.store.add(keypairs)?.len())
}
