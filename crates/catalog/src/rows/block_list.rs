//! Pages through every block list that a container holds: those of versions, then those of parts.
//!
//! What recovery and verification count references from.

use crate::rows::ContainerId;
use crate::value::{Fields, Val, params};
use crate::{Error, ErrorKind, ReadTx, Result};

/// The encoded lists of a page, and where the next page starts (`None` after the last one).
type ListPage = (Vec<Vec<u8>>, Option<Vec<Val>>);

/// Where a page starts.
enum Cursor {
    /// After this version.
    Version(Vec<u8>, i64),
    /// After this part.
    Part(String, i64),
}

/// Before every part.
const FIRST_PART: Cursor = Cursor::Part(String::new(), i64::MIN);

impl ReadTx<'_> {
    /// A page of the container's encoded block lists, each version's and each part's once; `after`
    /// is what the page before returned.
    pub fn lists(
        &mut self,
        container: ContainerId,
        after: Option<&[Val]>,
        limit: i64,
    ) -> Result<ListPage> {
        let after = after.map(Cursor::try_from).transpose()?;
        if let Some(Cursor::Part(upload_id, number)) = &after {
            let lists = self.part_lists(container, upload_id, *number, limit)?;
            return Ok(page(lists));
        }
        let lists = self.version_lists(container, after, limit)?;
        // Even when no version is left, parts may follow.
        let (lists, next) = page(lists);
        Ok((lists, next.or_else(|| Some(FIRST_PART.into()))))
    }

    fn version_lists(
        &mut self,
        container: ContainerId,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<(Vec<u8>, Cursor)>> {
        let select = "SELECT list, path, serial FROM version WHERE container_id = $1";
        let mut rows = Vec::new();
        let mut from = Vec::new();
        if let Some(Cursor::Version(path, serial)) = after {
            let older =
                format!("{select} AND path = $2 AND serial < $3 ORDER BY serial DESC LIMIT $4");
            rows = self.rows(&older, params![container, path, serial, limit])?;
            // The next path in byte order is the same one with a NUL byte behind it.
            from = [&path[..], &[0]].concat();
        }
        let rest = limit - rows.len() as i64;
        if rest > 0 {
            let others = format!("{select} AND path >= $2 ORDER BY path, serial DESC LIMIT $3");
            rows.extend(self.rows(&others, params![container, from, rest])?);
        }
        let read = |row| {
            let mut fields = Fields::new("version", row);
            Ok((
                fields.next()?,
                Cursor::Version(fields.next()?, fields.next()?),
            ))
        };
        rows.into_iter().map(read).collect()
    }

    fn part_lists(
        &mut self,
        container: ContainerId,
        upload_id: &str,
        number: i64,
        limit: i64,
    ) -> Result<Vec<(Vec<u8>, Cursor)>> {
        let sql = "SELECT list, upload_id, number FROM part WHERE container_id = $1 \
                   AND (upload_id, number) > ($2, $3) ORDER BY upload_id, number LIMIT $4";
        let rows = self.rows(sql, params![container, upload_id.to_owned(), number, limit])?;
        let read = |row| {
            let mut fields = Fields::new("part", row);
            Ok((fields.next()?, Cursor::Part(fields.next()?, fields.next()?)))
        };
        rows.into_iter().map(read).collect()
    }
}

/// Splits rows into their lists and the cursor of the last.
fn page(rows: Vec<(Vec<u8>, Cursor)>) -> ListPage {
    let mut last = None;
    let mut lists = Vec::with_capacity(rows.len());
    for (list, cursor) in rows {
        lists.push(list);
        last = Some(cursor);
    }
    (lists, last.map(Vec::from))
}

impl From<Cursor> for Vec<Val> {
    fn from(cursor: Cursor) -> Self {
        match cursor {
            Cursor::Version(path, serial) => vec![Val::Blob(path), Val::Int(serial)],
            Cursor::Part(upload_id, number) => vec![Val::Text(upload_id), Val::Int(number)],
        }
    }
}

impl TryFrom<&[Val]> for Cursor {
    type Error = Error;

    fn try_from(values: &[Val]) -> Result<Self> {
        match values {
            [Val::Blob(path), Val::Int(serial)] => Ok(Self::Version(path.clone(), *serial)),
            [Val::Text(upload_id), Val::Int(number)] => Ok(Self::Part(upload_id.clone(), *number)),
            _ => Err(Error::new(
                ErrorKind::Invalid,
                "lists",
                "not a cursor of this listing",
            )),
        }
    }
}
