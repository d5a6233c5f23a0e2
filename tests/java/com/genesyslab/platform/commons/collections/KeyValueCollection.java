// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.collections;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

public class KeyValueCollection implements Iterable<KeyValuePair> {
    private final List<KeyValuePair> pairs = new ArrayList<>();

    public void add(String key, String wireType, Object value) {
        pairs.add(new KeyValuePair(key, wireType, value));
    }

    public void addString(String key, String value) {
        if (value.equals("stand-in.refused")) {
            throw new IllegalArgumentException("as wished");
        }
        if (value.equals("stand-in.lacking")) {
            throw new NoSuchMethodError("as wished");
        }
        add(key, "str", value);
    }

    public void addUTFString(String key, String value) {
        add(key, "utf", value);
    }

    public void addInt(String key, int value) {
        add(key, "int", value);
    }

    public void addBinary(String key, byte[] value) {
        add(key, "byte[]", value);
    }

    public void addList(String key, KeyValueCollection value) {
        add(key, "kvlist", value);
    }

    @Override
    public Iterator<KeyValuePair> iterator() {
        return pairs.iterator();
    }
}
