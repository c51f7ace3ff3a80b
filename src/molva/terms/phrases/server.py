"""What the server says: welcome and farewell, its terminal, its start and its commands."""

PHRASES: dict[str, tuple[str, str]] = {
    # -- Welcome and refusal -------------------------------------------------------------------
    "welcome": (
        "Welcome, {name}! Online: {online}.",
        "Добро пожаловать, {name}! В сети: {online}.",
    ),
    "welcome.cut": (
        "Welcome, {name}! Online: {online}; the list is cut, the first {shown} are in it.",
        "Добро пожаловать, {name}! В сети: {online}; список урезан, в нём первые {shown}.",
    ),
    "bye": ("Good-bye.", "До свидания."),
    # -- What the server's terminal shows -------------------------------------------------------
    "report.connected": ("{address} connected", "{address}: новое соединение"),
    "report.disconnected": ("{address} went without a name", "{address}: соединение закрыто"),
    "report.refused": ("{address} refused: {code}", "{address}: отказ: {code}"),
    "report.registered": ("{name} came, from {address}", "{name} в сети, адрес {address}"),
    "report.device": (
        "{name} came with one more device, from {address}",
        "{name} в сети с ещё одним устройством, адрес {address}",
    ),
    "report.left": ("{name} left", "{name} не в сети"),
    "report.message": ("{room} {name}: {text}", "{room} {name}: {text}"),
    "report.whisper": ("{name} whispers to {to}", "{name} шепчет {to}"),
    "report.created": ("{name} made the room {room}", "{name}: создана комната {room}"),
    "report.joined": ("{name} joined {room}", "{name}: вход в {room}"),
    "report.parted": ("{name} left {room}", "{name}: выход из {room}"),
    # -- `molva serve` --------------------------------------------------------------------------
    "serve.ready": ("ready on {host}:{port}", "ready on {host}:{port} — можно входить"),
    "serve.store": (
        "Everything said is kept in {path} (SQLite {version}).",
        "Всё сказанное хранится в {path} (SQLite {version}).",
    ),
    "serve.loopback": (
        "Only this machine can connect. To let the network in: molva serve --host 0.0.0.0",
        "Подключиться можно только с этой машины. Чтобы впустить сеть: molva serve --host 0.0.0.0",
    ),
    "serve.chat": (
        "To join from a terminal: molva chat{address}",
        "Войти из терминала: molva chat{address}",
    ),
    "serve.limits_off": (
        "LIMITS ARE OFF: anybody can flood this server. For benches and tests only.",
        "ОГРАНИЧЕНИЯ СНЯТЫ: этот сервер может завалить кто угодно. Только для замеров и проверок.",
    ),
    "serve.port": (
        "Cannot listen on {host}:{port}: {error}. Choose another with --port.",
        "Не удаётся слушать {host}:{port}: {error}. Выберите другой порт: --port.",
    ),
    "serve.stopping": ("Stopping: ending what was begun …", "Остановка: завершаю начатое …"),
    "serve.stopped": ("Stopped. Nothing is lost.", "Остановлен. Ничего не потеряно."),
    "serve.reloaded": ("The configuration was read again.", "Настройки прочитаны заново."),
    "serve.bug": (
        "Stopped by a bug in the server itself (above). What was stored is whole; please report.",
        "Остановлен ошибкой в самом сервере (выше). Сохранённое цело; сообщите о ней, пожалуйста.",
    ),
    "serve.lines": ("line|lines", "строка|строки|строк"),
    "serve.skipped": (
        "… {n} {lines} skipped: the terminal was too slow",
        "… пропущено: {n} {lines}, терминал не успевал",
    ),
    # -- Opening the store ----------------------------------------------------------------------
    "store.locked": (
        "Another server (process {pid}) uses {path}. Stop it, or choose another --data.",
        "Файл {path} занят другим сервером (процесс {pid}). Остановите его или выберите другой "
        "каталог: --data.",
    ),
    "store.newer": (
        "{path} was written by a newer Molva (schema {version}, this one knows {known}). "
        "Use that one.",
        "{path} записан более новой Молвой (схема {version}, эта знает {known}). Запустите её.",
    ),
    "store.damaged": (
        "{path} is damaged or is not a Molva database: {detail}. Nothing was changed in it.",
        "{path} повреждён или не является базой Молвы: {detail}. В нём ничего не изменено.",
    ),
    "store.unusable": (
        "{path} cannot be opened: {detail}.",
        "{path} не открывается: {detail}.",
    ),
    "store.sqlite_old": (
        "SQLite {version} is too old: {needed} or newer is needed.",
        "SQLite {version} слишком стар: нужен {needed} или новее.",
    ),
    "store.directory": (
        "Cannot use the directory {path}: {error}. Choose another with --data.",
        "Каталог {path} недоступен: {error}. Выберите другой: --data.",
    ),
    # -- Configuration --------------------------------------------------------------------------
    "config.unknown": (
        "There is no setting {key}. (File: {file})",
        "Настройки {key} не существует. (Файл: {file})",
    ),
    "config.missing": (
        "There is no configuration file {file}.",
        "Файла настроек {file} нет.",
    ),
    "config.unreadable": (
        "The configuration file {file} cannot be read: {error}",
        "Файл настроек {file} не читается: {error}",
    ),
    "config.value": (
        "The setting {key} cannot be {value}.",
        "Настройка {key} не может быть {value}.",
    ),
    "config.relation": ("The limits do not fit: {error}", "Ограничения не согласованы: {error}"),
}
