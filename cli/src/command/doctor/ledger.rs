//! The doctor's checks of ledger and budget.

use super::visit::Visit;
use crate::print::Exit;
use stm_pkcs11::config::LedgerSettings;
use stm_pkcs11::ledger::Ledger;
use stm_pkcs11::plural::counted;

/// Reports how much of the budget is spent, and how many requests are unfinished. Writes no file, and reports nothing
/// if neither is set.
pub fn look(visit: &mut Visit, settings: &LedgerSettings) {
    let ledger = Ledger::new(settings);
    match ledger.limits() {
        Ok(limits) => {
            for (limit, spent) in limits {
                let text = format!("{limit}: {spent} spent, {} left", limit.most.saturating_sub(spent));
                if spent >= limit.most {
                    visit.warning("budget", text, "raise STM_PKCS11_BUDGET, or wait for the next period");
                } else {
                    visit.fine("budget", text);
                }
            }
        }
        Err(refusal) => return visit.wrong("ledger", Exit::Settings, refusal.cause(), refusal.remedy()),
    }
    let Some(path) = &settings.path else { return };
    match ledger.entries() {
        Ok(entries) => {
            let open = entries.iter().filter(|entry| entry.outcome.is_none()).count();
            let text = format!("{}: {}, {open} unfinished", path.display(), counted(entries.len(), "sign request"));
            match open {
                0 => visit.fine("ledger", text),
                _ => visit.warning("ledger", text, "look at them with stm-pkcs11 ledger reconcile"),
            }
        }
        Err(refusal) => visit.wrong("ledger", Exit::Settings, refusal.cause(), refusal.remedy()),
    }
}
