// Package timescale says how much slower than usual the machine is. Waits of tests multiply their limits with it. A virtual machine
// without acceleration runs Go ten times slower than its host.
//
// Invariants: only limits are scaled, never what is measured. Without the environment variable nothing is scaled.
package timescale

import (
	"os"
	"strconv"
	"time"
)

// Variable is the name of the environment variable that holds the factor, a number from 1 to 1000.
const Variable = "WEFT_TIME_SCALE"

const most = 1000

// Factor is what bounds are multiplied with: 1 when the variable is not set or no number of 1 to 1000.
func Factor() float64 {
	f, err := strconv.ParseFloat(os.Getenv(Variable), 64)
	if err != nil || !(f >= 1 && f <= most) {
		return 1
	}
	return f
}

// Within is the bound of something that is measured, and which a machine of usual speed must keep. Most of what passes meanwhile is
// processor time, of which a slower machine needs several times as much; what takes longer than that waits for something that it should not.
func Within(d time.Duration) time.Duration {
	if Factor() > withinScale {
		return withinScale * d
	}
	return time.Duration(float64(d) * Factor())
}

// withinScale is the most by which Within scales: a repair that waits for the next look at everything is still seen.
const withinScale = 3

// Bound is d on a machine of usual speed, longer on a slower one.
func Bound(d time.Duration) time.Duration { return time.Duration(float64(d) * Factor()) }
