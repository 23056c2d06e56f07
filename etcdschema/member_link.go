package etcdschema

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// link is a client of etcd with one gRPC connection for each member, made when it is first needed. The interceptors ask and open
// send every request and stream to the member in use, so that a healthy member answers it.
type link struct {
	*clientv3.Client
	members *members
	probe   string                          // the key that is read to check whether a member answers
	main    atomic.Pointer[grpc.ClientConn] // the client's own connection; nil while the client is being made

	mu     sync.Mutex
	conns  []*grpc.ClientConn // by member
	closed bool
	checks sync.WaitGroup
}

func newLink(m *members, probe string) *link {
	return &link{members: m, probe: probe, conns: make([]*grpc.ClientConn, len(m.endpoints))}
}

// options are the dial options with the interceptors.
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

// check sends etcd a small request. When the member in use does not answer, the interceptor switches to one that does.
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

// Close ends the connections and waits for the checks that are running.
func (l *link) Close() error {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	err := l.Client.Close()
	for _, c := range conns {
		if c != nil {
			c.Close() // its only error is that it is closed already
		}
	}
	l.checks.Wait()
	if errors.Is(err, context.Canceled) { // clientv3 returns this after a normal close
		return nil
	}
	return err
}
