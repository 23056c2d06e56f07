package testbed

import (
	"fmt"
	"os"
	"path/filepath"
)

// The names under which a program that makes testbeds starts itself again.
const (
	childEtcd       = "testbed-etcd"
	childEtcdMember = "testbed-etcd-member"
	childExchange   = "tcp-exchange"
)

// Child runs a part of the testbed and exits, if the program was started under such a name: an etcd, or a program
// inside a virtual machine. Otherwise it returns at once. A program that makes testbeds calls it first in main (a
// test: in TestMain).
func Child() {
	var err error
	switch filepath.Base(os.Args[0]) {
	case childEtcd:
		err = etcdMain(os.Args[1:])
	case childEtcdMember:
		err = etcdMemberMain(os.Args[1:])
	case childExchange:
		err = exchangeMain(os.Args[1:])
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// linkSelf makes path a link to the running program. To execute path is to start a child of that name.
func linkSelf(path string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("testbed: own program: %w", err)
	}
	if err := os.Symlink(self, path); err != nil && !os.IsExist(err) {
		return fmt.Errorf("testbed: %w", err)
	}
	return nil
}
