package etcdschema

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// link is a client of etcd with a gRPC connection for each member, made when it is first needed. Every request and
// stream of the client goes to the member in use, by the interceptors ask and open, so that whatever is asked through it
// is answered by a healthy member.
type link struct {
	*clientv3.Client
	members *members
	probe   string                          // the key that is read to see whether a member answers
	main    atomic.Pointer[grpc.ClientConn] // the client's own connection; nil while the client is being made

	mu     sync.Mutex
	conns  []*grpc.ClientConn // by member
	closed bool
	checks sync.WaitGroup
}

func newLink(m *members, probe string) *link {
	return &link{members: m, probe: probe, conns: make([]*grpc.ClientConn, len(m.endpoints))}
}

// options put the interceptors into the client to be made.
func (l *link) options() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(l.ask), grpc.WithChainStreamInterceptor(l.open)}
}

func (l *link) made(c *clientv3.Client) {
	l.Client = c
	l.main.Store(c.ActiveConnection())
}

var errClosed = errors.New("the connection to etcd is closed")

// conn is the connection to a member.
func (l *link) conn(i int) (*grpc.ClientConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.conns[i] == nil {
		conn, err := l.Dial(l.members.endpoints[i])
		if err != nil {
			return nil, err
		}
		l.conns[i] = conn
	}
	return l.conns[i], nil
}

// check asks etcd something small. When the member in use does not answer, asking moves on to one that does.
func (l *link) check() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.checks.Add(1)
	l.mu.Unlock()
	defer l.checks.Done()
	ctx, cancel := withDeadline(l.Ctx())
	defer cancel()
	l.Get(ctx, l.probe, clientv3.WithKeysOnly()) // a refusal is an answer too
}

// Close ends the connection and waits for what goes on in it.
func (l *link) Close() error {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	err := l.Client.Close()
	for _, c := range conns {
		if c != nil {
			c.Close() // its only error is that it was closed before
		}
	}
	l.checks.Wait()
	if errors.Is(err, context.Canceled) { // what clientv3 says after it has closed
		return nil
	}
	return err
}
