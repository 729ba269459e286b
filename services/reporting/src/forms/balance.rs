//! Balance rules: two sums with a comparison between them. They warn and never refuse (D5).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Label;

/// A rule that figures should satisfy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What warnings call it.
    pub key: String,
    /// What it says, for people.
    pub label: Label,
    /// As it was written.
    pub expression: String,
}

/// One part of a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A number.
    Number(i64),
    /// A field.
    Field(String),
    /// The cumulative figure of a field.
    Cumulative(String),
}

/// How the two sums should compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The left equals the right.
    Equal,
    /// The left is at least the right.
    AtLeast,
    /// The left is at most the right.
    AtMost,
}

/// A rule that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    left: Vec<(i64, Term)>,
    relation: Relation,
    right: Vec<(i64, Term)>,
}

impl Balance {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(expression: &str) -> Result<Self, String> {
        let relations = [(">=", Relation::AtLeast), ("<=", Relation::AtMost), ("=", Relation::Equal)];
        let found = relations.iter().find_map(|(sign, relation)| {
            let (left, right) = expression.split_once(sign)?;
            Some((left, *relation, right))
        });
        let (left, relation, right) = found.ok_or("must have one of =, >=, <= between two sums")?;
        if right.contains(['=', '<', '>']) || left.contains(['<', '>', '=']) {
            return Err("must compare once only".to_owned());
        }
        Ok(Self { left: sum(left)?, relation, right: sum(right)? })
    }

    /// Every term.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.left.iter().chain(&self.right).map(|(_, term)| term)
    }

    /// Whether it speaks of cumulative figures.
    #[must_use]
    pub fn is_cumulative(&self) -> bool {
        self.terms().any(|term| matches!(term, Term::Cumulative(_)))
    }

    /// The two sides where they do not compare as they should; nothing where they do, or where a term is
    /// not known.
    pub fn broken(&self, known: impl Fn(&Term) -> Option<i64>) -> Option<(i64, i64)> {
        let side = |terms: &[(i64, Term)]| {
            terms.iter().map(|(sign, term)| Some(sign * known(term)?)).sum::<Option<i64>>()
        };
        let (left, right) = (side(&self.left)?, side(&self.right)?);
        let holds = match self.relation {
            Relation::Equal => left == right,
            Relation::AtLeast => left >= right,
            Relation::AtMost => left <= right,
        };
        (!holds).then_some((left, right))
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
        })
    }
}

impl Rule {
    /// The warning where the rule does not hold.
    pub fn warning(&self, known: impl Fn(&Term) -> Option<i64>) -> Option<String> {
        let balance = Balance::parse(&self.expression).ok()?;
        let (left, right) = balance.broken(known)?;
        Some(format!("{}: {} ({left}, {right})", self.key, self.expression))
    }
}

fn sum(text: &str) -> Result<Vec<(i64, Term)>, String> {
    let mut terms = Vec::new();
    let mut sign = 1;
    let mut rest = text.trim();
    if let Some(after) = rest.strip_prefix('-') {
        (sign, rest) = (-1, after.trim_start());
    }
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        terms.push((sign, term(rest[..end].trim())?));
        match rest[end..].chars().next() {
            None => return Ok(terms),
            Some(next) => {
                sign = if next == '-' { -1 } else { 1 };
                rest = rest[end + 1..].trim_start();
            }
        }
    }
}

fn term(text: &str) -> Result<Term, String> {
    if let Some(key) = text.strip_prefix("cum(").and_then(|rest| rest.strip_suffix(')')) {
        return Ok(Term::Cumulative(key.trim().to_owned()));
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let number = text.parse().map_err(|_| format!("{text:?} is no whole number"))?;
        return Ok(Term::Number(number));
    }
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(format!("{text:?} is neither a number, nor a field's key, nor cum(key)"));
    }
    Ok(Term::Field(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudi_s_second_of_march_warns() {
        let balance = Balance::parse("traced = released + converted + observed").expect("a rule");
        let figures = |term: &Term| match term {
            Term::Field(key) => Some(match key.as_str() {
                "traced" => 1_970,
                "released" => 1_854,
                "converted" => 37,
                _ => 84,
            }),
            _ => None,
        };
        assert_eq!(balance.broken(figures), Some((1_970, 1_975)));
    }

    #[test]
    fn a_rule_with_an_unknown_term_says_nothing() {
        let balance = Balance::parse("-a + 3 <= cum(b) - 1").expect("a rule");
        assert!(balance.is_cumulative());
        assert_eq!(balance.broken(|term| matches!(term, Term::Field(_)).then_some(1)), None);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for wrong in ["", "a", "a = ", "a == b", "a = b = c", "A = b", "a < b", "a = 1x", "a * b = c"] {
            assert!(Balance::parse(wrong).is_err(), "{wrong}");
        }
    }
}
