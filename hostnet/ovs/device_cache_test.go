package ovs

import (
	"bufio"
	"strings"
	"testing"
)

func TestPacketSocketsOfDevices(t *testing.T) {
	t.Parallel()
	const text = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000022591ca0 3      3    0003   5     1 0      0      67473
0000000022591ca1 2      3    0003   -1    0 0      0      67474
0000000022591ca2 3      3    0003   0     1 0      0      67475
0000000022591ca3 3      2    0806   7     1 0      0      67476
0000000022591ca4 3      3    0003
`
	readers, err := parseReaders(bufio.NewScanner(strings.NewReader(text)))
	if err != nil || len(readers) != 1 || !readers[5] {
		t.Errorf("readers %v, %v: want device 5 alone", readers, err)
	}
	if _, err := parseReaders(bufio.NewScanner(strings.NewReader("head\n0 1 3 0003 five 1\n"))); err == nil {
		t.Error("a device that is no number is taken")
	}
}

func TestFreeNumbersAreTakenOnce(t *testing.T) {
	t.Parallel()
	taken := map[int]bool{}
	for range 1000 {
		n := freeNumber(taken)
		if n < firstNumber || n > lastNumber {
			t.Fatalf("number %d", n)
		}
	}
	if len(taken) != 1000 {
		t.Errorf("%d numbers for 1000 ports", len(taken))
	}
}
