//! Lives are proved: as they stand, and of the days that were lived.

use super::*;

/// For how many days back a long life is proved in between.
pub(super) const SINCE: u64 = 20;
/// Of how many of its days a long life is proved at its end, at least.
const DAYS: usize = 60;

impl Lives {
    /// The law holds of every day that was lived, or of so many of them.
    pub(super) async fn prove_the_past(&mut self) {
        let days = usize::try_from(self.hours / 24).expect("forwards");
        let first = chrono::NaiveDate::from_ymd_opt(2020, 2, 3).expect("a date");
        for day in (0..days).step_by(1 + days / DAYS) {
            let day = first + chrono::Days::new(day as u64);
            let (exceptions, verdict) = self.ground.proof_of(&day.to_string()).await;
            let broken: Vec<_> = exceptions.iter().filter(|one| one.breaks_the_law).collect();
            assert!(verdict.holds, "of {day}: {broken:#?}");
            assert_eq!(verdict.open, verdict.answered + verdict.excepted);
        }
    }

    pub(super) async fn prove(&mut self, step: usize, since: Option<u64>) {
        // What waits only since that step is put before somebody by the next pulse.
        self.ground.advance(self.ground.sandbox.clock.now()).await;
        let (exceptions, verdict) = match since {
            None => self.ground.proof().await,
            Some(days) => {
                let since = self.ground.sandbox.clock.today() - chrono::Days::new(days);
                self.ground.proof_since(&since.to_string()).await
            }
        };
        let broken: Vec<_> = exceptions.iter().filter(|one| one.breaks_the_law).collect();
        assert!(verdict.holds, "after step {step}: {broken:#?}");
        self.contacts = self.contacts.max(verdict.contacts);
    }
}
