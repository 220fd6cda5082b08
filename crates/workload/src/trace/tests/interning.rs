use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::intern::Interner;

proptest! {
    /// Ids of all sizes, often repeated, some of which are far when they come first and near later.
    #[test]
    fn every_id_has_one_number_in_the_order_of_appearance(
        ids in vec(prop_oneof![0..40_u64, 65_500..65_700_u64, 65_600..66_800_u64, any::<u64>()], 0..600),
        again in vec(0..600_usize, 0..600),
    ) {
        let mut interner = Interner::default();
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        let repeated = again.iter().filter_map(|at| ids.get(*at));
        for id in ids.iter().chain(repeated).chain(&ids) {
            let next = numbers.len() as u32;
            let new = !numbers.contains_key(id);
            let number = *numbers.entry(*id).or_insert(next);
            prop_assert_eq!(interner.number(*id), Some((number, new)), "{}", id);
        }
        prop_assert_eq!(interner.count(), numbers.len() as u32);
    }
}
