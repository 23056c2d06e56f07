package vm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweepFetchesLeavesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	old, fresh, kernel := filepath.Join(cache, "fetch-1"), filepath.Join(cache, "fetch-2"), filepath.Join(cache, "6.1.0-1-amd64")
	for _, dir := range []string{old, fresh, kernel} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-3 * fetchTimeout)
	for _, dir := range []string{old, kernel} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweepFetches(cache); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one is still there: %v", err)
	}
	for _, dir := range []string{fresh, kernel} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestCachedKernelIsTheNewestWholeOne(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	if k, ok := cachedKernel(cache); ok {
		t.Errorf("an empty cache has %+v", k)
	}
	for i, release := range []string{"6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-11-amd64"} {
		dir := filepath.Join(cache, release)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			continue // it has no image: it is not complete
		}
		image := filepath.Join(dir, imageName)
		if err := os.WriteFile(image, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(image, at, at); err != nil {
			t.Fatal(err)
		}
	}
	k, ok := cachedKernel(cache)
	if want := filepath.Join(cache, "6.1.0-10-amd64"); !ok || k.Release != "6.1.0-10-amd64" || k.Root != want || k.Image != filepath.Join(want, imageName) {
		t.Errorf("the cache has %+v, %v", k, ok)
	}
}
