package cache

// Renewed is the map, or a new one when it is empty. An emptied map keeps its memory, and iterating over it visits all of that
// memory. One key in a map that once had very many would cost as much as they did.
func Renewed[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return M{}
	}
	return m
}

// Cleared is an empty map without the memory of the old one.
func Cleared[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return m
	}
	return M{}
}
