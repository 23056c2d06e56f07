package control

// renewed is the map, or a new one when it is empty. A map keeps the room that it once needed, and whoever walks it walks all of
// that: one key in a map that a flood has filled would cost as much as the flood.
func renewed[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return M{}
	}
	return m
}

// cleared is the map without what was in it, and without the room for that.
func cleared[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return m
	}
	return M{}
}
