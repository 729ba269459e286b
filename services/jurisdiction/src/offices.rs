//! Offices, and the one table that says what each of them may do below the unit it is held at.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use proto::registry as pb;

/// A job at a unit. An officer holds it through a dated appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Office {
    /// Sets up the registry: units, officers, appointments, forms. The first is appointed at the root
    /// by `rampart bootstrap`.
    Administrator,
    /// 网格长 at a grid, 组长 at a village, township, county or city: answers for the unit.
    Leader,
    /// 值班: answers by default for a vacant office below, chases, excuses and signs off.
    DutyOfficer,
    /// 信息报送人: submits the unit's reports.
    InformationReporter,
    /// 卫健: enters what the health side reports (D9).
    HealthOfficer,
    /// A machine of the province or of another service: reads, and follows the feeds.
    Integrator,
}

/// What an office may do: a permission, and who has it.
const TABLE: &[(&str, &[Office])] = {
    use Office::{Administrator, DutyOfficer, HealthOfficer, InformationReporter, Integrator, Leader};
    &[
        ("units.read", &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("units.write", &[Administrator]),
        ("units.watch", &[Administrator, Integrator]),
        ("officers.read", &[Administrator, Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("officers.write", &[Administrator, DutyOfficer]),
        ("appointments.read", &[Administrator, Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("appointments.write", &[Administrator, DutyOfficer]),
        ("appointments.watch", &[Administrator, Integrator]),
        (
            "contacts.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("forms.read", &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("forms.write", &[Administrator]),
        ("days.read", &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("days.open", &[Administrator, DutyOfficer]),
        ("days.sign", &[Leader, DutyOfficer, HealthOfficer]),
        ("days.seal", &[Administrator, DutyOfficer]),
        (
            "reports.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("reports.submit", &[DutyOfficer, InformationReporter, HealthOfficer]),
        ("reports.chase", &[Leader, DutyOfficer, HealthOfficer]),
        ("reports.excuse", &[DutyOfficer]),
        ("reports.correct", &[DutyOfficer, HealthOfficer]),
        ("reports.return", &[Leader, DutyOfficer, HealthOfficer]),
        ("reports.watch", &[Administrator, Leader, DutyOfficer, Integrator]),
        ("balances.write", &[Administrator, HealthOfficer]),
        ("rollups.read", &[Administrator, Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("bulletins.read", &[Administrator, Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("persons.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("persons.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        // Whole values of persons in the very unit's hands: people's, no machine's (P6).
        ("persons.hold", &[Leader, DutyOfficer, InformationReporter, HealthOfficer]),
        ("persons.reveal", &[Leader, DutyOfficer, HealthOfficer]),
        ("persons.merge", &[DutyOfficer, HealthOfficer]),
        ("erasures.read", &[DutyOfficer, HealthOfficer]),
        // An epidemic is closed by a command centre, and approved by whoever commands or is on duty there (P3).
        ("closures.read", &[Leader, DutyOfficer, HealthOfficer]),
        ("closures.propose", &[DutyOfficer]),
        ("closures.approve", &[Leader, DutyOfficer]),
        // Who else has found a person is told to who must settle it, and to no leader: else anybody could ask by
        // taking a number in whether its holder is known elsewhere.
        ("hands.agree", &[DutyOfficer]),
        ("hands.assign", &[DutyOfficer]),
        ("observations.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("observations.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("observations.watch", &[DutyOfficer, HealthOfficer, Integrator]),
        ("observations.shorten", &[DutyOfficer, HealthOfficer]),
        ("observations.release", &[Leader, DutyOfficer, HealthOfficer]),
        // A release that reality blocks is a doctor's to decide (R26).
        ("observations.override", &[HealthOfficer]),
        ("observations.end", &[DutyOfficer, HealthOfficer]),
        ("readings.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("referrals.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("referrals.answer", &[HealthOfficer, Integrator]),
        ("referrals.watch", &[HealthOfficer, Integrator]),
        ("admissions.write", &[HealthOfficer, Integrator]),
        ("handdowns.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("handdowns.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("handdowns.acknowledge", &[Leader, DutyOfficer, InformationReporter, HealthOfficer]),
        ("handdowns.verify", &[Leader, DutyOfficer, InformationReporter, HealthOfficer]),
        ("handdowns.schedule", &[Administrator, DutyOfficer]),
        // What a command centre says of its area: how long persons are observed, and the response level.
        ("observations.schedule", &[Administrator, DutyOfficer]),
        ("levels.write", &[Administrator, DutyOfficer]),
        ("checkpoints.write", &[Administrator, DutyOfficer]),
        (
            "checkpoints.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("passages.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        // Who sat in one train or bus, whole: for tracing contacts (R10).
        ("passages.trace", &[DutyOfficer, HealthOfficer]),
        ("exposures.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("exposures.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("cases.write", &[DutyOfficer, HealthOfficer, Integrator]),
        ("cases.read", &[Leader, DutyOfficer, HealthOfficer, Integrator]),
        // What a case is, is a doctor's to decide.
        ("cases.classify", &[HealthOfficer]),
        // Done at a hospital or at home, and told by whoever has the person.
        ("rechecks.write", &[Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("rechecks.read", &[Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("results.write", &[DutyOfficer, HealthOfficer, Integrator]),
        ("results.read", &[Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("results.handle", &[DutyOfficer, HealthOfficer]),
        ("incidents.read", &[Leader, DutyOfficer, HealthOfficer, Integrator]),
        ("incidents.report", &[DutyOfficer, HealthOfficer]),
        ("sweeps.write", &[Administrator, DutyOfficer]),
        (
            "sweeps.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("visits.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("enforcements.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer]),
        ("enforcements.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("enforcements.settle", &[Leader, DutyOfficer]),
        ("supports.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("supports.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("careteams.write", &[Leader, DutyOfficer]),
        ("homes.write", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("homes.read", &[Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        (
            "figures.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("figures.watch", &[Administrator, Integrator]),
        // What the directory says is public to every officer of every unit.
        (
            "directory.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("directory.watch", &[Administrator, DutyOfficer, HealthOfficer, Integrator]),
        (
            "calls.write",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("calls.read", &[Administrator, Leader, DutyOfficer, HealthOfficer]),
        (
            "facilities.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("facilities.write", &[Administrator, DutyOfficer, HealthOfficer]),
        ("phones.write", &[Administrator, DutyOfficer, HealthOfficer]),
        ("wards.read", &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        ("wards.write", &[Administrator, DutyOfficer, HealthOfficer]),
        (
            "capacity.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("capacity.write", &[DutyOfficer, InformationReporter, HealthOfficer, Integrator]),
        (
            "policies.read",
            &[Administrator, Leader, DutyOfficer, InformationReporter, HealthOfficer, Integrator],
        ),
        ("policies.write", &[Administrator, DutyOfficer]),
        ("alarms.read", &[Leader, DutyOfficer, HealthOfficer]),
        ("escalations.read", &[Leader, DutyOfficer, HealthOfficer]),
        ("proofs.read", &[Administrator, DutyOfficer, Integrator]),
    ]
};

impl Office {
    /// Every office.
    pub const ALL: [Self; 6] = [
        Self::Administrator,
        Self::Leader,
        Self::DutyOfficer,
        Self::InformationReporter,
        Self::HealthOfficer,
        Self::Integrator,
    ];

    /// The word that the database and the contract use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Leader => "leader",
            Self::DutyOfficer => "duty_officer",
            Self::InformationReporter => "information_reporter",
            Self::HealthOfficer => "health_officer",
            Self::Integrator => "integrator",
        }
    }

    /// The office of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|office| office.word() == word)
    }

    /// The office as the contract has it.
    #[must_use]
    pub fn contract(self) -> pb::Office {
        match self {
            Self::Administrator => pb::Office::Administrator,
            Self::Leader => pb::Office::Leader,
            Self::DutyOfficer => pb::Office::DutyOfficer,
            Self::InformationReporter => pb::Office::InformationReporter,
            Self::HealthOfficer => pb::Office::HealthOfficer,
            Self::Integrator => pb::Office::Integrator,
        }
    }

    /// The office of a number of the contract.
    #[must_use]
    pub fn of_contract(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|office| i32::from(office.contract()) == number)
    }

    /// What the office may do below its unit, as a set that is made once.
    #[must_use]
    pub fn grant(self) -> Arc<BTreeSet<&'static str>> {
        static SETS: LazyLock<[Arc<BTreeSet<&'static str>>; 6]> =
            LazyLock::new(|| Office::ALL.map(|office| Arc::new(office.permissions().collect())));
        let at = Self::ALL.iter().position(|office| *office == self).unwrap_or_default();
        Arc::clone(&SETS[at])
    }

    /// What the office may do below its unit.
    pub fn permissions(self) -> impl Iterator<Item = &'static str> {
        let mine = TABLE.iter().filter(move |(_, offices)| offices.contains(&self));
        mine.map(|(permission, _)| *permission)
    }
}

/// Every permission there is; the contract may declare no other.
pub fn permissions() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(permission, _)| *permission)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_office_has_its_word() {
        for office in Office::ALL {
            assert_eq!(Office::of_word(office.word()), Some(office));
        }
    }

    #[test]
    fn only_who_sets_up_the_registry_changes_units() {
        let may: Vec<_> = Office::ALL
            .into_iter()
            .filter(|office| office.permissions().any(|permission| permission == "units.write"))
            .collect();
        assert_eq!(may, [Office::Administrator]);
    }
}
