package ovsdb

import (
	"testing"
	"time"

	"github.com/ovn-kubernetes/libovsdb/client"
)

// TestAnEndThatNobodyHeardIsNoticed: libovsdb tells that a connection has ended only to somebody who is receiving at that moment.
func TestAnEndThatNobodyHeardIsNoticed(t *testing.T) {
	t.Parallel()
	c := &Client{server: silent{}, gone: make(chan struct{})}
	go c.awaitEnd()
	select {
	case <-c.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("whoever waits for the end of the connection waits for ever")
	}
}

// silent is a client whose connection has ended and that does not tell.
type silent struct{ client.Client }

func (silent) CurrentEndpoint() string         { return "" }
func (silent) DisconnectNotify() chan struct{} { return nil }
