// Reads a published tree by golang.org/x/mod alone: what the Go checksum database's clients use.
//
//	go run . FOLDER VKEY [OLDER_CHECKPOINT]
//
// It verifies the signed note, reads the tiles by tlog.TileHashReader, which checks them against the
// root, proves every leaf of every entry bundle to be in the tree, and proves that the tree goes on
// from the older checkpoint, if one is given.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tree reads a checkpoint: origin, size, root.
func tree(path string, verifier note.Verifier) tlog.Tree {
	data, err := os.ReadFile(path)
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("the checkpoint is of %q", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	found := tlog.Tree{N: size}
	copy(found.Hash[:], root)
	return found
}

type folder struct{ place string }

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// path is tlog's, "tile/8/0/x001/234.p/12", without the height, as tlog-tiles has it.
func (f folder) path(tile tlog.Tile) string {
	name := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	name = strings.Replace(name, "data/", "entries/", 1)
	return filepath.Join(f.place, "tile", name)
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := os.ReadFile(f.path(tile))
		if err != nil {
			return nil, err
		}
		found[i] = data
	}
	return found, nil
}

// entries reads the leaves of a bundle: each after its length in two bytes.
func (f folder) entries(size int64) (leaves [][]byte) {
	for start := int64(0); start < size; start += 1 << height {
		width := size - start
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}
		data, err := os.ReadFile(f.path(tile))
		check(err)
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			leaves = append(leaves, data[2:2+length])
			data = data[2+length:]
		}
	}
	return leaves
}

func main() {
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	place := folder{os.Args[1]}
	now := tree(filepath.Join(place.place, "checkpoint"), verifier)
	reader := tlog.TileHashReader(now, place)
	leaves := place.entries(now.N)
	if int64(len(leaves)) != now.N {
		check(fmt.Errorf("%d leaves in a tree of %d", len(leaves), now.N))
	}
	for i, leaf := range leaves {
		proof, err := tlog.ProveRecord(now.N, int64(i), reader)
		check(err)
		check(tlog.CheckRecord(proof, now.N, now.Hash, int64(i), tlog.RecordHash(leaf)))
	}
	fmt.Printf("%d leaves are in the tree\n", len(leaves))
	if len(os.Args) > 3 {
		old := tree(os.Args[3], verifier)
		proof, err := tlog.ProveTree(now.N, old.N, reader)
		check(err)
		check(tlog.CheckTree(proof, now.N, now.Hash, old.N, old.Hash))
		fmt.Printf("it goes on from the tree of %d\n", old.N)
	}
}
