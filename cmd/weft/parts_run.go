package main

import "sync"

// partLength is how many objects one goroutine handles.
const partLength = 1000

// inParts calls do for each number below n. If there are many, it uses all processors.
func inParts(n int, do func(i int)) {
	var g sync.WaitGroup
	for from := 0; from < n; from += partLength {
		part := func() {
			for i := from; i < min(from+partLength, n); i++ {
				do(i)
			}
		}
		if n <= partLength {
			part()
			return
		}
		g.Go(part)
	}
	g.Wait()
}
