//! Shapes of what operators give that only move, cut, join or repeat elements.

use super::value::{Node, Stop, axis, elements, sizes};

/// `Reshape`: a size of 0 stays as it is, one of -1 is what is left.
pub(super) fn reshape(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let wanted = node.whole("shape", 1)?.ok_or("it has no shape")?;
    let keeps = node.int("allowzero", 0) == 0;
    let total = elements(input).ok_or("too large")?;
    let mut shape = Vec::with_capacity(wanted.len().min(16));
    let mut open = None;
    for (place, &size) in wanted.iter().take(17).enumerate() {
        shape.push(match size {
            0 if keeps => i128::from(*input.get(place).ok_or("a size of 0 beyond those of the input")?),
            -1 if open.replace(place).is_some() => return Err("two sizes of -1".into()),
            -1 => 1,
            size => i128::from(size),
        });
    }
    let mut shape = sizes(shape)?;
    let known = elements(&shape).ok_or("too large")?;
    if let Some(place) = open {
        shape[place] = total.checked_div(known).unwrap_or(0);
    }
    if elements(&shape) != Some(total) {
        return Err(format!("{input:?} cannot take the shape {wanted:?}").into());
    }
    Ok(shape)
}

/// `Flatten` to two dimensions.
pub(super) fn flatten(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let at = match node.int("axis", 1) {
        all if all == input.len() as i64 => input.len(),
        other => axis(other, input.len())?,
    };
    let part = |part: &[u64]| elements(part).map(i128::from).ok_or("too large");
    sizes([part(&input[..at])?, part(&input[at..])?])
}

/// `Transpose`; by default the dimensions change their order.
pub(super) fn transpose(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let Some(order) = node.ints("perm") else { return Ok(input.iter().rev().copied().collect()) };
    if order.len() != input.len() {
        return Err(format!("an order of {} for {} dimensions", order.len(), input.len()).into());
    }
    let places = order.iter().map(|&place| axis(place, input.len())).collect::<Result<Vec<_>, _>>()?;
    let mut sorted = places.clone();
    sorted.sort_unstable();
    if sorted.iter().enumerate().any(|(index, &place)| index != place) {
        return Err(format!("an order {order:?} that names a dimension twice").into());
    }
    Ok(places.into_iter().map(|place| input[place]).collect())
}

/// `Concat` along an axis.
pub(super) fn concat(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let first = node.shape(0)?;
    let along = axis(node.int("axis", 1), first.len())?;
    let mut total = 0;
    for place in 0..node.inputs.len() {
        let shape = node.shape(place)?;
        let fits = shape.len() == first.len()
            && (0..shape.len()).all(|place| place == along || shape[place] == first[place]);
        if !fits {
            return Err(format!("{first:?} and {shape:?} cannot be joined along axis {along}").into());
        }
        total += i128::from(shape[along]);
    }
    let size = |place: usize| if place == along { total } else { i128::from(first[place]) };
    sizes((0..first.len()).map(size))
}

/// `Squeeze` away dimensions of one element.
pub(super) fn squeeze(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let mut gone = vec![false; input.len()];
    match node.whole("axes", 1)? {
        None => gone.iter_mut().zip(input).for_each(|(gone, &size)| *gone = size == 1),
        Some(axes) => {
            for &place in &axes {
                let place = axis(place, input.len())?;
                if input[place] != 1 {
                    return Err(format!("axis {place} of {input:?} is no single element").into());
                }
                gone[place] = true;
            }
        }
    }
    Ok(input.iter().zip(gone).filter(|&(_, gone)| !gone).map(|(&size, _)| size).collect())
}

/// `Unsqueeze`: dimensions of one element at these places of the result.
pub(super) fn unsqueeze(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let axes = node.whole("axes", 1)?.ok_or("it has no axes")?;
    let rank = input.len() + axes.len();
    if rank > 16 {
        return Err(format!("{rank} dimensions").into());
    }
    let mut shape = vec![None; rank];
    for &place in &axes {
        shape[axis(place, rank)?] = Some(1);
    }
    let mut rest = input.iter().copied();
    shape.into_iter().map(|size| size.or_else(|| rest.next()).ok_or("an axis twice".into())).collect()
}

/// Starts, ends and steps along axes of a `Slice`, as attributes or as inputs.
pub(super) fn slice(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let mut shape = input.to_vec();
    for (place, count) in slices(node, input)? {
        shape[place] = count.len() as u64;
    }
    Ok(shape)
}

/// For each axis that is cut: the range of the elements that remain, counted by steps.
fn slices(node: &Node<'_>, input: &[u64]) -> Result<Vec<(usize, Steps)>, Stop> {
    let starts = node.whole("starts", 1)?.ok_or("it has no starts")?;
    let ends = node.whole("ends", 2)?.ok_or("it has no ends")?;
    let axes = node.whole("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = node.whole("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&len| len != starts.len()) {
        return Err("starts, ends, axes and steps differ in number".into());
    }
    let one = |index: usize| {
        let place = axis(axes[index], input.len())?;
        let steps = Steps::new(starts[index], ends[index], steps[index], input[place])?;
        Ok((place, steps))
    };
    (0..starts.len()).map(one).collect()
}

/// Elements from `start` on, every `step`-th.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    start: i128,
    step: i128,
    count: usize,
}

impl Steps {
    fn new(start: i64, end: i64, step: i64, size: u64) -> Result<Self, Stop> {
        let (size, step) = (i128::from(size), i128::from(step));
        if step == 0 {
            return Err("a step of zero".into());
        }
        let (lowest, highest) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let place = |at: i64| {
            let at = i128::from(at);
            (if at < 0 { at + size } else { at }).clamp(lowest, highest)
        };
        let (start, end) = (place(start), place(end));
        let count = if step > 0 { (end - start + step - 1) / step } else { (start - end - step - 1) / -step };
        Ok(Self { start, step, count: count.max(0) as usize })
    }

    fn len(&self) -> usize {
        self.count
    }

    /// The same cut of a list.
    fn of(&self, numbers: &[f64]) -> Vec<f64> {
        let at = |index: usize| usize::try_from(self.start + self.step * index as i128).ok();
        (0..self.count.min(numbers.len())).filter_map(|index| numbers.get(at(index)?).copied()).collect()
    }
}

/// What a `Slice` leaves of a list of known numbers.
pub(super) fn sliced(node: &Node<'_>, numbers: &[f64]) -> Option<Vec<f64>> {
    match slices(node, &[numbers.len() as u64]).ok()?.as_slice() {
        [(_, steps)] => Some(steps.of(numbers)),
        _ => None,
    }
}

/// `Split` along an axis, into the given parts or equal ones.
pub(super) fn split(node: &Node<'_>) -> Result<Vec<Vec<u64>>, Stop> {
    let input = node.shape(0)?;
    let along = axis(node.int("axis", 0), input.len())?;
    let outputs = node.proto.output.len().max(1);
    let parts = match node.whole("split", 1)? {
        Some(parts) => {
            let size = |&size: &i64| u64::try_from(size).map_err(|_| "a part below 0".into());
            parts.iter().map(size).collect::<Result<Vec<u64>, Stop>>()?
        }
        None => {
            let part = input[along].div_ceil(outputs as u64);
            let last = input[along].saturating_sub(part * (outputs as u64 - 1));
            (0..outputs).map(|index| if index + 1 < outputs { part } else { last }).collect()
        }
    };
    let sum: u128 = parts.iter().map(|&size| u128::from(size)).sum();
    if parts.len() != outputs || sum != u128::from(input[along]) {
        return Err(format!("{} parts do not make up axis {along} of {input:?}", parts.len()).into());
    }
    let with = |size: u64| {
        let mut shape = input.to_vec();
        shape[along] = size;
        shape
    };
    Ok(parts.into_iter().map(with).collect())
}

/// `Gather`: an axis gives way to the shape of the indices.
pub(super) fn gather(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let (input, indices) = (node.shape(0)?, node.shape(1)?);
    let along = axis(node.int("axis", 0), input.len())?;
    let shape = [&input[..along], indices, &input[along + 1..]].concat();
    sizes(shape.into_iter().map(i128::from))
}

/// `Pad` at the beginnings and ends of all dimensions, or of some.
pub(super) fn pad(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let pads = node.whole("pads", 1)?.or(node.whole("paddings", 1)?).ok_or("it has no pads")?;
    let axes = node.whole("axes", 3)?.unwrap_or_else(|| (0..input.len() as i64).collect());
    if pads.len() != 2 * axes.len() {
        return Err(format!("{} pads for {} dimensions", pads.len(), axes.len()).into());
    }
    let mut shape: Vec<i128> = input.iter().map(|&size| i128::from(size)).collect();
    for (index, &place) in axes.iter().enumerate() {
        shape[axis(place, input.len())?] += i128::from(pads[index]) + i128::from(pads[index + axes.len()]);
    }
    sizes(shape)
}

/// `Tile`: repeats along each dimension.
pub(super) fn tile(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let repeats = node.whole("repeats", 1)?.ok_or("it has no repeats")?;
    if repeats.len() != input.len() {
        return Err(format!("{} repeats for {} dimensions", repeats.len(), input.len()).into());
    }
    sizes(input.iter().zip(&repeats).map(|(&size, &times)| i128::from(size) * i128::from(times)))
}

/// `Resize` and `Upsample`: to given sizes, or by given factors.
pub(super) fn resize(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let of_axes = |given: &[f64]| given.len() == input.len();
    let scale = |scales: &[f64]| {
        let size = |(&size, &scale): (&u64, &f64)| (size as f64 * scale).floor() as i128;
        sizes(input.iter().zip(scales).map(size))
    };
    if let Some(scales) = node.attribute("scales").filter(|a| a.floats.len() == input.len()) {
        return scale(&scales.floats.iter().map(|&scale| f64::from(scale)).collect::<Vec<_>>());
    }
    // Upsample has its factors second, Resize up to version 10 as well; then a region comes before them.
    let last = if node.inputs.len() > 2 { 2 } else { 1 };
    if let Some(given) = node.numbers(3)?.filter(|given| of_axes(given)) {
        return sizes(given.iter().map(|&size| size as i128));
    }
    match node.numbers(last)? {
        Some(scales) if of_axes(scales) => scale(scales),
        _ => Err(format!("no size or factor for each of {} dimensions", input.len()).into()),
    }
}

/// `ReduceMean` and the like: dimensions become one element, or vanish.
pub(super) fn reduce(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let input = node.shape(0)?;
    let axes = node.whole("axes", 1)?.filter(|axes| !axes.is_empty());
    if axes.is_none() && node.int("noop_with_empty_axes", 0) != 0 {
        return Ok(input.to_vec());
    }
    reduced(input, axes.as_deref(), node.int("keepdims", 1) != 0)
}

/// `ArgMax` and the like, over one axis.
pub(super) fn arg_reduce(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    reduced(node.shape(0)?, Some(&[node.int("axis", 0)]), node.int("keepdims", 1) != 0)
}

fn reduced(input: &[u64], axes: Option<&[i64]>, keeps: bool) -> Result<Vec<u64>, Stop> {
    let mut gone = vec![axes.is_none(); input.len()];
    for &place in axes.unwrap_or_default() {
        gone[axis(place, input.len())?] = true;
    }
    let kept = |(&size, gone): (&u64, bool)| if gone { keeps.then_some(1) } else { Some(size) };
    Ok(input.iter().zip(gone).filter_map(kept).collect())
}

/// `DepthToSpace` (factor above 0) and `SpaceToDepth`: channels against rows and columns.
pub(super) fn depth_to_space(node: &Node<'_>, to_space: bool) -> Result<Vec<u64>, Stop> {
    let &[batch, channels, rows, columns] = node.shape(0)? else { return Err("not four dimensions".into()) };
    let block = u64::try_from(node.int("blocksize", 0)).ok().filter(|&b| b > 0 && b <= 1 << 16);
    let block = block.ok_or("a block that is no size")?;
    let fits =
        if to_space { channels % (block * block) == 0 } else { (rows % block, columns % block) == (0, 0) };
    if !fits {
        return Err(format!("blocks of {block} do not fit {:?}", node.shape(0)?).into());
    }
    let [batch, channels, rows, columns, block] = [batch, channels, rows, columns, block].map(i128::from);
    sizes(if to_space {
        [batch, channels / (block * block), rows * block, columns * block]
    } else {
        [batch, channels * block * block, rows / block, columns / block]
    })
}
