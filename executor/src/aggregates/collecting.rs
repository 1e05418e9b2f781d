//! string_agg and array_agg.

use std::sync::Arc;

use ecow::EcoString;
use types::errors::array as errors;
use types::{ArrayValue, Datum, Oid, Result, size};

use super::RowAggregate;

/// string_agg over text or bytea.
#[derive(Default)]
pub(super) struct StringAgg {
    value: Option<Joined>,
    /// Length of the first delimiter, which PostgreSQL keeps in front until the end.
    first_delimiter: usize,
}

enum Joined {
    Text(EcoString),
    Bytes(Vec<u8>),
}

impl RowAggregate for StringAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        match (args.first(), args.get(1)) {
            (Some(Datum::Text(text)), delimiter) => match &mut self.value {
                Some(Joined::Text(joined)) => {
                    if let Some(Datum::Text(delimiter)) = delimiter {
                        size::check_growth(self.first_delimiter + joined.len(), delimiter.len())?;
                        joined.push_str(delimiter);
                    }
                    size::check_growth(self.first_delimiter + joined.len(), text.len())?;
                    joined.push_str(text);
                }
                Some(Joined::Bytes(_)) | None => {
                    if let Some(Datum::Text(delimiter)) = delimiter {
                        self.first_delimiter = delimiter.len();
                    }
                    self.value = Some(Joined::Text(text.clone()));
                }
            },
            (Some(Datum::Bytes(bytes)), delimiter) => match &mut self.value {
                Some(Joined::Bytes(joined)) => {
                    if let Some(Datum::Bytes(delimiter)) = delimiter {
                        size::check_growth(self.first_delimiter + joined.len(), delimiter.len())?;
                        joined.extend(delimiter.iter());
                    }
                    size::check_growth(self.first_delimiter + joined.len(), bytes.len())?;
                    joined.extend(bytes.iter());
                }
                Some(Joined::Text(_)) | None => {
                    if let Some(Datum::Bytes(delimiter)) = delimiter {
                        self.first_delimiter = delimiter.len();
                    }
                    self.value = Some(Joined::Bytes(bytes.to_vec()));
                }
            },
            _ => {}
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(match &self.value {
            None => Datum::Null,
            Some(Joined::Text(text)) => Datum::Text(text.clone()),
            Some(Joined::Bytes(bytes)) => Datum::Bytes(bytes.as_slice().into()),
        })
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// array_agg over values that are not arrays.
pub(super) struct ArrayAgg {
    element_type: Oid,
    elements: Vec<Datum>,
}

impl ArrayAgg {
    pub(super) fn new(element_type: Oid) -> Self {
        Self { element_type, elements: Vec::new() }
    }
}

impl RowAggregate for ArrayAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        self.elements.push(args.first().cloned().unwrap_or_default());
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        if self.elements.is_empty() {
            return Ok(Datum::Null);
        }
        crate::functions::check_array_size(&self.elements)?;
        Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(self.element_type, self.elements.clone()))))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// array_agg over arrays: each becomes an item of the first dimension.
#[derive(Default)]
pub(super) struct ArrayOfArrays {
    element_type: Oid,
    dimensions: Vec<(i32, i32)>,
    elements: Vec<Datum>,
    count: i32,
}

impl ArrayOfArrays {
    pub(super) fn new(element_type: Oid) -> Self {
        Self { element_type, ..Self::default() }
    }
}

impl RowAggregate for ArrayOfArrays {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Some(Datum::Array(array)) = args.first() else { return Err(errors::accumulate("null arrays")) };
        if self.count == 0 {
            if array.dimensions.is_empty() {
                return Err(errors::accumulate("empty arrays"));
            }
            self.dimensions = array.dimensions.clone();
        } else if self.dimensions != array.dimensions {
            return Err(errors::accumulate("arrays of different dimensionality"));
        }
        self.elements.extend(array.elements.iter().cloned());
        self.count += 1;
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        if self.count == 0 {
            return Ok(Datum::Null);
        }
        let mut dimensions = vec![(self.count, 1)];
        dimensions.extend(&self.dimensions);
        let (element_type, elements) = (self.element_type, self.elements.clone());
        Ok(Datum::Array(Arc::new(ArrayValue { element_type, dimensions, elements })))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}
