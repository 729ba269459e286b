//! Lists that come in pages.

/// The size of a page where so many are wanted in all.
pub(crate) fn size(limit: usize) -> i32 {
    i32::try_from(limit.clamp(1, 1_000)).unwrap_or(1_000)
}

/// Reads page after page, each by its token, until there are as many as wanted, or no more.
pub(crate) async fn up_to<T>(
    limit: usize,
    mut page: impl AsyncFnMut(String) -> anyhow::Result<(Vec<T>, String)>,
) -> anyhow::Result<Vec<T>> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (items, next) = page(token).await?;
        all.extend(items);
        if next.is_empty() || all.len() >= limit {
            all.truncate(limit);
            return Ok(all);
        }
        token = next;
    }
}
