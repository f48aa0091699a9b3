//! A store's file that is only read: writes on top of it stay in memory.
//!
//! A database that did not end cleanly is written to when it is opened. With this it can be
//! examined, and the file stays as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The bytes of a page of the overlay.
const PAGE_BYTES: usize = 4_096;
const PAGE: u64 = PAGE_BYTES as u64;
/// The most pages that are held: 256 MiB.
const PAGES_MAX: usize = 1 << 16;

type Page = Box<[u8; PAGE_BYTES]>;

/// The backend.
#[derive(Debug)]
pub(super) struct Overlay(Mutex<Layers>);

#[derive(Debug)]
struct Layers {
    file: File,
    /// The bytes of the file that count: none above the shortest length that was set.
    file_bytes: u64,
    length: u64,
    pages: BTreeMap<u64, Page>,
}

impl Overlay {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self(Mutex::new(Layers { file, file_bytes: length, length, pages: BTreeMap::new() })))
    }

    fn layers(&self) -> MutexGuard<'_, Layers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layers {
    /// Returns a page as it is now.
    fn page(&mut self, number: u64) -> io::Result<Page> {
        if let Some(page) = self.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page: Page = Box::new([0; PAGE_BYTES]);
        let begin = number * PAGE;
        let count = usize::try_from(self.file_bytes.saturating_sub(begin).min(PAGE)).unwrap_or_default();
        self.file.seek(SeekFrom::Start(begin))?;
        if let Some(part) = page.get_mut(..count) {
            self.file.read_exact(part)?;
        }
        Ok(page)
    }

    /// Calls `part` for each page of a range, with the bytes of the page that lie in it.
    fn each(
        &mut self,
        offset: u64,
        length: usize,
        mut part: impl FnMut(&mut Self, u64, std::ops::Range<usize>, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.length);
        let end =
            end.ok_or_else(|| io::Error::new(ErrorKind::UnexpectedEof, "beyond the end of the file"))?;
        let mut at = offset;
        while at < end {
            let number = at / PAGE;
            let next = end.min((number + 1) * PAGE);
            let within = |place: u64, base: u64| usize::try_from(place - base).unwrap_or(usize::MAX);
            let begin = number * PAGE;
            part(
                self,
                number,
                within(at, begin)..within(next, begin),
                within(at, offset)..within(next, offset),
            )?;
            at = next;
        }
        Ok(())
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layers().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.layers().each(offset, out.len(), |layers, number, in_page, in_out| {
            let page = layers.page(number)?;
            if let (Some(out), Some(page)) = (out.get_mut(in_out), page.get(in_page)) {
                out.copy_from_slice(page);
            }
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut layers = self.layers();
        if length < layers.length {
            // Bytes that are cut off read as zeros if the file grows again.
            layers.file_bytes = layers.file_bytes.min(length);
            let last = length / PAGE;
            layers.pages.retain(|number, _| *number <= last);
            if let Some(page) = layers.pages.get_mut(&last) {
                let kept = usize::try_from(length % PAGE).unwrap_or_default();
                page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
            }
        }
        layers.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.layers().each(offset, data.len(), |layers, number, in_page, in_data| {
            let mut page = layers.page(number)?;
            if let (Some(page), Some(data)) = (page.get_mut(in_page), data.get(in_data)) {
                page.copy_from_slice(data);
            }
            layers.pages.insert(number, page);
            let has_room = layers.pages.len() <= PAGES_MAX;
            if has_room { Ok(()) } else { Err(io::Error::other("too much would have to be changed")) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut model: Vec<u8> = (0..10_000u32).map(|number| number.to_le_bytes()[0]).collect();
        std::fs::write(&path, &model).unwrap();
        let (before, overlay) = (model.clone(), Overlay::open(&path).unwrap());
        let mut rng = plexus_tests::test_rng::TestRng::new(1);
        for round in 0..500 {
            if rng.one_in(5) {
                let length = rng.below(20_000);
                overlay.set_len(length).unwrap();
                model.resize(usize::try_from(length).unwrap(), 0);
            }
            let length = model.len() as u64;
            let begin = rng.below(length + 1);
            let count = rng.below((length - begin).min(9_000) + 1);
            let range = usize::try_from(begin).unwrap()..usize::try_from(begin + count).unwrap();
            let bytes = vec![u8::try_from(round % 251).unwrap(); range.len()];
            overlay.write(begin, &bytes).unwrap();
            model[range].copy_from_slice(&bytes);
            let mut found = vec![0; model.len()];
            overlay.read(0, &mut found).unwrap();
            assert_eq!((overlay.len().unwrap(), &found), (length, &model), "round {round}");
        }
        assert!(overlay.read(model.len() as u64, &mut [0]).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
