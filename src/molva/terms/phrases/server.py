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
    "report.private": ("{name} writes in {room}", "{name} пишет в {room}"),
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
        "Only this machine can connect. To let the network in: molva serve --lan",
        "Подключиться можно только с этой машины. Чтобы впустить сеть: molva serve --lan",
    ),
    "serve.chat": (
        "To join from a terminal: molva chat{address}",
        "Войти из терминала: molva chat{address}",
    ),
    "serve.addresses": ("Others reach this server at:", "Адреса сервера для других:"),
    "serve.address": ("  {address}", "  {address}"),
    "serve.no_addresses": (
        "Others cannot reach this server: it has no address on a network.",
        "Другим этот сервер недоступен: у него нет адреса в сети.",
    ),
    "serve.qr": ("{line}", "{line}"),
    "serve.link": ("With a phone: {link}", "С телефона: {link}"),
    "serve.code": ("Join code: {code}", "Код входа: {code}"),
    "serve.words": ("Fingerprint: {words}", "Отпечаток: {words}"),
    "serve.unseen": (
        "The network cannot be told of this server ({reason}): people type its address.",
        "Оповестить сеть о сервере не удаётся ({reason}): адрес придётся набирать.",
    ),
    "serve.renewed": (
        "The certificate was made anew, until {date}.",
        "Сертификат выпущен заново, до {date}.",
    ),
    "serve.kept_certificate": (
        "The certificate that was in use stays in use.",
        "Остаётся прежний сертификат.",
    ),
    "serve.trouble": ("{text}", "{text}"),
    "serve.restart": (
        "Changed, but only at the next start: {settings}.",
        "Изменено, но вступит в силу при следующем запуске: {settings}.",
    ),
    "serve.short": (
        "Nobody can be let in for the moment: {error}. Raise the limit of open files.",
        "Пока впустить никого не удаётся: {error}. Увеличьте предел открытых файлов.",
    ),
    "serve.join_code": (
        "The join code cannot be kept in {file}: {error}.",
        "Код входа не удаётся сохранить в {file}: {error}.",
    ),
    "serve.no_operator": (
        "molva invite, user, admin and code cannot reach this server while it runs: {error}.",
        "Пока сервер работает, командам molva invite, user, admin и code он недоступен: {error}.",
    ),
    # -- Options of `molva serve` ---------------------------------------------------------------
    "serve.option.lan": (
        "Let the network in: all interfaces, TLS, a join code, a QR code. MOLVA_LAN.",
        "Впустить сеть: все интерфейсы, TLS, код входа, QR-код. MOLVA_LAN.",
    ),
    "serve.option.access": (
        "Who may join: open, code or accounts. MOLVA_ACCESS; code with --lan, else open.",
        "Кого впускать: open (всех), code (по коду), accounts (только своих). MOLVA_ACCESS; "
        "с --lan это code, иначе open.",
    ),
    "serve.option.join_code": (
        "Join code, 6 letters or digits at least. MOLVA_JOIN_CODE; else one is made and kept.",
        "Код входа, не короче 6 букв и цифр. MOLVA_JOIN_CODE; без него создаётся и хранится.",
    ),
    "serve.option.cert": (
        "Certificate chain for TLS (PEM), with --key. MOLVA_CERT.",
        "Цепочка сертификатов для TLS (PEM), вместе с --key. MOLVA_CERT.",
    ),
    "serve.option.key": ("Its key (PEM). MOLVA_KEY.", "Ключ к ней (PEM). MOLVA_KEY."),
    "serve.option.server_name": (
        "What the server is called on the network. MOLVA_SERVER_NAME; else the machine's name.",
        "Имя сервера в сети. MOLVA_SERVER_NAME; без него — имя машины.",
    ),
    # -- Certificates ---------------------------------------------------------------------------
    "tls.missing": ("Cannot use {file}: {error}.", "Файл {file} недоступен: {error}."),
    "tls.unreadable": (
        "There is no certificate in {file} (PEM is wanted).",
        "В {file} нет сертификата (нужен PEM).",
    ),
    "tls.key": (
        "There is no key in {file} that can be used without a password (PEM is wanted).",
        "В {file} нет ключа, который читается без пароля (нужен PEM).",
    ),
    "tls.mismatch": (
        "The key in {file} is not the one of the certificate.",
        "Ключ в {file} не от этого сертификата.",
    ),
    "tls.expired": (
        "The certificate in {file} ended on {date}.",
        "Срок сертификата в {file} истёк {date}.",
    ),
    "tls.damaged": (
        "{file} is damaged: the server's authority, which its people trust, cannot be read. Put a "
        "copy back; or remove it, and everybody must trust the server anew.",
        "{file} повреждён: центр сертификации сервера, которому доверяют люди, не читается. "
        "Верните копию; или удалите его, и тогда доверять серверу придётся заново всем.",
    ),
    # -- Pages for a browser --------------------------------------------------------------------
    "web.about": (
        "This is a chat server, Molva. What is said here is kept here.",
        "Это сервер чата «Молва». Сказанное здесь хранится здесь же.",
    ),
    "web.join": ("How to join", "Как войти"),
    "web.terminal": (
        "On a computer with Molva, type in a terminal:",
        "На компьютере с «Молвой» наберите в терминале:",
    ),
    "web.code_wanted": (
        "If a join code is wanted, ask the person who runs this server for it.",
        "Если нужен код входа, спросите его у того, кто держит этот сервер.",
    ),
    "web.no_browser": (
        "There is no chat in the browser yet: for now it takes a computer with a terminal.",
        "Чата в браузере пока нет: нужен компьютер с терминалом.",
    ),
    "web.get_molva": (
        "If Molva is not installed there, ask the person who runs this server for it.",
        "Если «Молва» там не установлена, обратитесь к тому, кто держит этот сервер.",
    ),
    "web.fingerprint": ("The server's fingerprint", "Отпечаток сервера"),
    "web.compare": (
        "Compare these words with those on the server's own screen. The chat shows them when it "
        "meets the server for the first time; if they differ, somebody stands between.",
        "Сравните эти слова с теми, что на экране самого сервера. Чат показывает их при первой "
        "встрече с сервером; если они другие, между вами кто-то есть.",
    ),
    "web.no_tls": (
        "This server does not encrypt: whoever can listen on the network can read along.",
        "Этот сервер не шифрует: кто слушает сеть, тот может всё прочитать.",
    ),
    "web.no_authority": (
        "The certificate of this server is not its own authority's: there is nothing to install.",
        "Сертификат этого сервера выдан не его собственным центром: устанавливать нечего.",
    ),
    "web.trust": ("Trust this server's certificate", "Доверять сертификату сервера"),
    "web.trust.what": (
        "The server has made a certificate authority of its own, so that a browser can speak to it "
        "encrypted. A device believes it once you install the authority there. The chat in the "
        "terminal does not need this.",
        "Сервер создал собственный центр сертификации, чтобы браузер мог говорить с ним "
        "зашифрованно. Устройство поверит ему, когда вы установите сертификат центра. Чату в "
        "терминале это не нужно.",
    ),
    "web.trust.means": (
        "What it means: your device will believe whatever this authority vouches for. Whoever has "
        "the files of this server can then pretend to be other devices of a local network. Install "
        "it only if you trust the person who runs the server.",
        "Что это значит: устройство будет верить всему, за что ручается этот центр. У кого файлы "
        "этого сервера, тот сможет выдать себя за другие устройства местной сети. Устанавливайте, "
        "только если доверяете тому, кто держит сервер.",
    ),
    "web.trust.bounds": (
        "The authority itself says that it vouches only for names and addresses of local networks, "
        "never for sites of the internet. Today's systems keep to that bound; a very old one may "
        "not, and there this server could pretend to be any site.",
        "В самом сертификате сказано, что центр ручается только за имена и адреса местных сетей, "
        "но не за сайты интернета. Нынешние системы это соблюдают; очень старая может и не "
        "соблюсти, и там этот сервер смог бы выдать себя за любой сайт.",
    ),
    "web.trust.sha": (
        "SHA-256 of the authority's certificate, as devices show it. This page may have come to "
        "you unencrypted: when in doubt, compare on the machine that runs the server.",
        "SHA-256 сертификата центра, как его показывают устройства. Эта страница могла прийти без "
        "шифрования: если сомневаетесь, сверьте на машине, где работает сервер.",
    ),
    "web.trust.android": ("Android", "Android"),
    "web.trust.android.how": (
        "Load the file. Then Settings, Security, More security settings, Encryption and "
        "credentials, Install a certificate, CA certificate; choose the file.",
        "Скачайте файл. Затем «Настройки», «Безопасность», «Другие настройки безопасности», "
        "«Шифрование и учётные данные», «Установить сертификат», «Сертификат ЦС»; выберите файл.",
    ),
    "web.trust.apple": ("iPhone and iPad", "iPhone и iPad"),
    "web.trust.apple.how": (
        "Open the file in Safari and allow it. Then Settings, General, VPN and Device Management: "
        "install the profile. Then Settings, General, About, Certificate Trust Settings: switch it "
        "on.",
        "Откройте файл в Safari и разрешите загрузку. Затем «Настройки», «Основные», «VPN и "
        "управление устройством»: установите профиль. Затем «Настройки», «Основные», «Об этом "
        "устройстве», «Доверие сертификатам»: включите его.",
    ),
    "web.trust.windows": ("Windows", "Windows"),
    "web.trust.windows.how": (
        "Open the file, Install Certificate, Current User, Place all certificates in the following "
        "store: Trusted Root Certification Authorities.",
        "Откройте файл, «Установить сертификат», «Текущий пользователь», «Поместить все "
        "сертификаты в следующее хранилище»: «Доверенные корневые центры сертификации».",
    ),
    "web.trust.macos": ("macOS", "macOS"),
    "web.trust.macos.how": (
        "Open the file: it goes into Keychain Access. Open it there and set Trust to Always Trust.",
        "Откройте файл: он попадёт в «Связку ключей». Откройте его там и выберите «Доверие»: "
        "«Всегда доверять».",
    ),
    "web.trust.firefox": ("Firefox", "Firefox"),
    "web.trust.firefox.how": (
        "Settings, Privacy and Security, View Certificates, Authorities, Import: choose the file "
        "and trust it to identify websites.",
        "«Настройки», «Приватность и защита», «Просмотр сертификатов», «Центры сертификации», "
        "«Импортировать»: выберите файл и доверьте ему идентификацию веб-сайтов.",
    ),
    "web.trust.linux": ("Linux", "Linux"),
    "web.trust.linux.how": (
        "Most browsers have a list of authorities of their own in their settings. For the whole "
        "system on Debian and its kin: openssl x509 -inform der -in molva.crt -out "
        "/usr/local/share/ca-certificates/molva.crt, then update-ca-certificates, both as root.",
        "У большинства браузеров в настройках свой список центров. Для всей системы в Debian и "
        "родственных: openssl x509 -inform der -in molva.crt -out "
        "/usr/local/share/ca-certificates/molva.crt, затем update-ca-certificates, оба от root.",
    ),
    "web.trust.undo": (
        "Remove it in the same place when you do not come here any more.",
        "Когда больше не будете сюда заходить, удалите сертификат там же.",
    ),
    "web.not_found": ("There is no such page.", "Такой страницы нет."),
    "web.not_allowed": ("This page can only be read.", "Эту страницу можно только читать."),
    "web.bad": ("This is no request that can be answered.", "На такой запрос нечего ответить."),
    "web.bug": (
        "The server has made a mistake. The chat goes on.",
        "Сервер ошибся. Чат продолжает работать.",
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
    "config.pair": (
        "A certificate needs its key: give both cert and key, or neither.",
        "Сертификату нужен ключ: задайте и cert, и key или ни того ни другого.",
    ),
    "config.join_code": (
        "A join code is {least} letters or digits at least, without other signs but hyphens.",
        "Код входа — не меньше {least} латинских букв и цифр; кроме них только дефисы.",
    ),
    "config.relation": ("The limits do not fit: {error}", "Ограничения не согласованы: {error}"),
    "report.owner": (
        "{name} is the first here and owns this server now",
        "{name} здесь впервые и теперь владеет этим сервером",
    ),
    # -- Bans and mutes -------------------------------------------------------------------------
    "until": (" until {time} UTC", " до {time} UTC"),
    "until.ever": (" for good", " навсегда"),
    "report.kicked": ("{by} kicked {name} from {room}", "{by} выгоняет {name} из {room}"),
    "report.banned": ("{by} banned {name} from {room}", "{by} закрывает {name} вход в {room}"),
    "report.unbanned": (
        "{by} let {name} into {room} again",
        "{by} снова открывает {name} вход в {room}",
    ),
    "report.muted": ("{by} muted {name} in {room}", "{by} лишает {name} слова в {room}"),
    "report.unmuted": (
        "{by} let {name} write in {room} again",
        "{by} возвращает {name} слово в {room}",
    ),
    "report.role": (
        "{by} changed the role of {name} in {room}",
        "{by} меняет роль {name} в {room}",
    ),
}
