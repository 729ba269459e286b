//! Batches: so many items, all of them checked before any is taken.

use chassis::{Fault, Violations, parse};

/// The most items of a batch.
const LARGEST: usize = 1_000;

/// Checks every item of a batch, of the field given.
///
/// # Errors
/// [`Fault::Invalid`] with every violation of every item, or where there are none or too many.
pub fn checked<'a, T, C>(
    field: &str,
    items: &'a [T],
    mut check: impl FnMut(usize, &'a T) -> Result<C, Violations>,
) -> Result<Vec<C>, Fault> {
    parse::count(items.len(), LARGEST).map_err(|wrong| Fault::invalid(field, wrong))?;
    let mut wrong = Violations::default();
    let mut all = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match check(index, item) {
            Ok(item) => all.push(item),
            Err(inner) => wrong.nest(&format!("{field}[{index}]"), inner),
        }
    }
    wrong.refuse()?;
    Ok(all)
}
